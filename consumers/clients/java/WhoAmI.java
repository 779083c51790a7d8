import com.aliyun.credentials.Client;
import com.aliyun.teaopenapi.models.Config;
import java.nio.file.Path;

/**
 * Asks STS who it is, with what the default credential chain finds, and prints the answer as JSON. Its argument says for how many seconds the
 * same client goes on asking.
 */
public class WhoAmI {
  public static void main(String[] args) {
    try {
      Config config = new Config().setCredential(new Client()).setEndpoint(System.getenv("STS_ENDPOINT")).setProtocol("HTTPS");
      com.aliyun.sts20150401.Client client = new com.aliyun.sts20150401.Client(config);
      long end = System.nanoTime() + (args.length > 0 ? Long.parseLong(args[0]) : 0) * 1_000_000_000L;
      String arn = client.getCallerIdentity().getBody().getArn();
      while (System.nanoTime() < end) {
        Thread.sleep(500);
        arn = client.getCallerIdentity().getBody().getArn();
      }
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
