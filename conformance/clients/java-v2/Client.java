// One long-lived STS client of the AWS SDK for Java v2; one line of JSON per GetCallerIdentity.
import software.amazon.awssdk.services.sts.StsClient;

public final class Client {
    private static StsClient client;

    private static String arn() {
        if (client == null) {
            var builder = StsClient.builder();
            String profile = System.getenv("CLIENT_PROFILE");
            if (profile != null) {
                builder.overrideConfiguration(options -> options.defaultProfileName(profile));
            }
            client = builder.build();
        }
        return client.getCallerIdentity().arn();
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
