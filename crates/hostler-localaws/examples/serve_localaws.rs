//! Serves the embedded S3 and STS alone, for trying foreign clients against them.
//!
//! `cargo run -p hostler-localaws --example serve_localaws -- DIR [PORT]` prints its URL. Two accounts with published
//! example keys: `AKIDEXAMPLE` / `example-secret` of 000000000000 and `AKIDOTHER` / `other-secret` of 111111111111; the
//! role `arn:aws:iam::000000000000:role/Reader` may read `s3://models/public/*`.
#![expect(clippy::print_stdout, reason = "the URL is this program's answer")]

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use hostler_aws::sigv4::Verifier;
use hostler_aws::{FrontKind, KeyRing, LongLivedKey, TokenSealer, classify};
use hostler_localaws::{
    LocalAws, LocalAwsConfig, LocalAwsPorts, RolePolicies, RoleRule, S3Limits, UndeclaredRoles,
};
use hostler_types::{AccountId, Clock, Secret, SystemClock};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

fn key(id: &str, secret: &str, account: &str) -> LongLivedKey {
    LongLivedKey::of_account(id, Secret::new(secret), &AccountId::new(account))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or_else(|| io::Error::other("name a directory"))?);
    let port: u16 = arguments.next().as_deref().unwrap_or("0").parse()?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = Arc::new(KeyRing::new(TokenSealer::new([7; 32])));
    keys.replace([
        &key("AKIDEXAMPLE", "example-secret", "000000000000"),
        &key("AKIDOTHER", "other-secret", "111111111111"),
    ]);
    let reader = RoleRule {
        arn: "arn:aws:iam::000000000000:role/Reader".to_owned(),
        allow: vec!["s3://models/public/*".to_owned()],
    };
    let config = LocalAwsConfig {
        dir,
        limits: S3Limits::default(),
        roles: RolePolicies::new(vec![reader], UndeclaredRoles::Allow)?,
        inactive_regions: std::collections::BTreeSet::new(),
        s3_elsewhere: None,
    };
    let verifier = Arc::new(Verifier::new(keys.clone(), Arc::clone(&clock)));
    let local = Arc::new(LocalAws::open(config, LocalAwsPorts { verifier, keys, clock })?);

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let local = Arc::clone(&local);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let local = Arc::clone(&local);
                async move {
                    let (parts, body) = request.into_parts();
                    let kind = classify(&parts);
                    let request = Request::from_parts(parts, body);
                    Ok::<_, Infallible>(match kind {
                        FrontKind::Sts => local.sts(request).await,
                        _ => local.s3(request).await,
                    })
                }
            });
            // A connection that breaks off is the client's affair.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
