// One long-lived STS client of the AWS SDK for Rust; one line of JSON per GetCallerIdentity.
use std::error::Error;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_config::BehaviorVersion;
use aws_sdk_sts::Client;
use serde_json::json;

async fn call(client: &Client) -> bool {
    let answer = client.get_caller_identity().send().await;
    let t = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    match answer {
        Ok(identity) => {
            println!("{}", json!({ "t": t, "arn": identity.arn() }));
            true
        }
        Err(error) => {
            // The SDK prints only the outermost layer, so its causes are joined here.
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            println!("{}", json!({ "t": t, "error": text.replace('\n', " ") }));
            false
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Ok(profile) = std::env::var("CLIENT_PROFILE") {
        loader = loader.profile_name(profile);
    }
    let client = Client::new(&loader.load().await);
    if std::env::args().nth(1).as_deref() == Some("once") {
        std::process::exit(if call(&client).await { 0 } else { 1 });
    }
    let seconds = std::env::var("CLIENT_SECONDS").map_or(f64::INFINITY, |text| text.parse().unwrap());
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        call(&client).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
