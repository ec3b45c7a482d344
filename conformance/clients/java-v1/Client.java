// One long-lived STS client of the AWS SDK for Java v1; one line of JSON per GetCallerIdentity.
import com.amazonaws.auth.profile.ProfileCredentialsProvider;
import com.amazonaws.regions.AwsProfileRegionProvider;
import com.amazonaws.services.securitytoken.AWSSecurityTokenService;
import com.amazonaws.services.securitytoken.AWSSecurityTokenServiceClientBuilder;
import com.amazonaws.services.securitytoken.model.GetCallerIdentityRequest;

public final class Client {
    private static AWSSecurityTokenService client;

    private static String arn() {
        if (client == null) {
            var builder = AWSSecurityTokenServiceClientBuilder.standard();
            String profile = System.getenv("CLIENT_PROFILE");
            if (profile != null) {
                builder.setCredentials(new ProfileCredentialsProvider(profile));
                builder.setRegion(new AwsProfileRegionProvider(profile).getRegion());
            }
            client = builder.build();
        }
        return client.getCallerIdentity(new GetCallerIdentityRequest()).getArn();
    }

    private static boolean call() {
        String line;
        boolean right = false;
        try {
            line = "\"arn\":\"" + arn() + "\"";
            right = true;
        } catch (RuntimeException error) {
            String text = error.getClass().getSimpleName() + ": " + error.getMessage();
            line = "\"error\":\"" + text.replaceAll("\\s+", " ").replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
        }
        System.out.println("{\"t\":" + System.currentTimeMillis() + "," + line + "}");
        return right;
    }

    public static void main(String[] arguments) throws InterruptedException {
        if (arguments.length > 0 && arguments[0].equals("once")) {
            System.exit(call() ? 0 : 1);
        }
        String seconds = System.getenv("CLIENT_SECONDS");
        long end = seconds == null ? Long.MAX_VALUE : System.nanoTime() + (long) (1e9 * Double.parseDouble(seconds));
        while (System.nanoTime() < end && !System.out.checkError()) {
            call();
            Thread.sleep(1000);
        }
        System.exit(0);
    }
}
