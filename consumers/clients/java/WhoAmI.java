import com.aliyun.credentials.Client;
import com.aliyun.credentials.models.CredentialModel;
import com.aliyun.teaopenapi.models.Config;
import java.nio.file.Path;

/**
 * Asks STS who it is, with what the default credential chain finds, and prints the answer as JSON.
 * Its argument says for how many seconds the same process goes on asking.
 */
public class WhoAmI {
  public static void main(String[] args) {
    try {
      Client credentials = new Client();
      long end = System.nanoTime() + (args.length > 0 ? Long.parseLong(args[0]) : 0) * 1_000_000_000L;
      String arn = ask(credentials);
      while (System.nanoTime() < end) {
        Thread.sleep(500);
        arn = ask(credentials);
      }
      System.out.printf("{\"arn\": \"%s\", \"version\": \"%s\"}%n", arn, version());
    } catch (Exception error) {
      System.err.println(error.getMessage());
      System.exit(1);
    }
  }

  /**
   * The three parts of the key are taken at once. The SDK itself asks for each alone and, in the last
   * 15 minutes of a session, for each anew. The sessions of these tests are shorter than that, so a
   * renewal between two parts would mix two sessions (docs/refresh.md).
   */
  private static String ask(Client credentials) throws Exception {
    CredentialModel key = credentials.getCredential();
    Config config = new Config()
        .setAccessKeyId(key.getAccessKeyId())
        .setAccessKeySecret(key.getAccessKeySecret())
        .setSecurityToken(key.getSecurityToken())
        .setEndpoint(System.getenv("STS_ENDPOINT"))
        .setProtocol("HTTPS");
    return new com.aliyun.sts20150401.Client(config).getCallerIdentity().getBody().getArn();
  }

  /** Of the file that the credentials came from: credentials-java-1.0.3.jar. */
  private static String version() throws Exception {
    Path jar = Path.of(Client.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    return jar.getFileName().toString().replaceAll("^.*-|\\.jar$", "");
  }
}
