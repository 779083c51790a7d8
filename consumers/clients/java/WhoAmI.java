import com.aliyun.credentials.Client;
import com.aliyun.teaopenapi.models.Config;
import java.nio.file.Path;

/** Asks STS who it is, with what the default credential chain finds, and prints the answer as JSON. */
public class WhoAmI {
  public static void main(String[] args) {
    try {
      Config config = new Config().setCredential(new Client()).setEndpoint(System.getenv("STS_ENDPOINT")).setProtocol("HTTPS");
      String arn = new com.aliyun.sts20150401.Client(config).getCallerIdentity().getBody().getArn();
      System.out.printf("{\"arn\": \"%s\", \"version\": \"%s\"}%n", arn, version());
    } catch (Exception error) {
      System.err.println(error.getMessage());
      System.exit(1);
    }
  }

  /** Of the file that the credentials came from: credentials-java-1.0.3.jar. */
  private static String version() throws Exception {
    Path jar = Path.of(Client.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    return jar.getFileName().toString().replaceAll("^.*-|\\.jar$", "");
  }
}
