//! A listener on loopback that must see no connection, for any spelling of its address and any detour to it. The local
//! network lets private addresses through, so these tests check Longshore's guard alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longshore_kit::client::eventually;
use longshore_kit::options::Options;
use longshore_kit::raw_receiver::RawReceiver;
use longshore_kit::scratch::Scratch;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::support::refusal::{assert_refused, invalid};
use crate::support::tenant::{SOON, Tenant, to_endpoint};
use crate::support::world::{World, block_on, each, options_in};

/// Counts connections and closes them.
struct Canary {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Canary {
    async fn start() -> Canary {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        // The same port for IPv6, on a machine that has it.
        let sixth = TcpListener::bind(("::1", port)).await.ok();
        for listener in [Some(listener), sixth].into_iter().flatten() {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Canary { port, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Checks that a connection is counted.
    async fn assert_it_counts(&self) {
        let before = self.connections();
        drop(TcpStream::connect(("127.0.0.1", self.port)).await.unwrap());
        let counted = eventually(SOON, async || (self.connections() > before).then_some(()));
        counted.await.expect("the canary counts");
    }
}

/// Hosts of the canary and other hosts that callers must not reach; each is tried with the canary's port and without.
const HOSTS: &str = "127.0.0.1 127.0.0.2 127.1 127.0.1 2130706433 017700000001 0177.0.0.1 0177.0.0.01 0x7f000001 0x7f.1
    0x7F.0X0.0x00.0x1 0x7f.0.0.1 127.0.0.1. 127.0.0.01 127.000.000.001 00000177.0.0.1 1%32%37.0.0.1 %31%32%37.1
    127。0。0。1 127．0．0．1 127｡0｡0｡1 １２７.０.０.１ １２７。１ ①②⑦.⓪.⓪.① 𝟏𝟐𝟕.𝟎.𝟎.𝟏 0 0.0.0.0 0x0 000
    [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [::127.0.0.1]
    [::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:7f00:1::] [fe80::1] [fc00::1] [fec0::1]
    localhost LOCALHOST localhost. lOcAlHoSt a.localhost a.b.localhost. loc%61lhost ｌｏｃａｌｈｏｓｔ ⓛocalhost
    localhost.localdomain ip6-localhost broadcasthost localhost6 127.0.0.1.localhost metadata metadata.google.internal
    METADATA.GOOGLE.INTERNAL. 169.254.169.254 0xa9fea9fe 2852039166 0251.0376.0251.0376 [::ffff:a9fe:a9fe]
    [fd00:ec2::254] 100.100.100.200 192.0.0.192 instance-data.ec2.internal kubernetes.default.svc.cluster.local
    host.docker.internal 10.0.0.1 172.17.0.1 192.168.0.1 router.lan";

/// More URLs of the canary: `{c}` is its port, `{r}` the port of an allowed receiver.
const URLS: [&str; 26] = [
    "https://user@127.0.0.1:{c}/",
    "https://127.0.0.1:{r}@127.0.0.1:{c}/",
    "http://127.0.0.1:{r}@127.0.0.1:{c}/",
    "http://127.0.0.1:{r}:@127.0.0.1:{c}/",
    "http://:@127.0.0.1:{c}/",
    "http://example.com@127.0.0.1:{c}/",
    "https://example.com%00@127.0.0.1:{c}/",
    "https://example.com%2f@127.0.0.1:{c}/",
    "https://example.com:443@127.0.0.1:{c}/",
    "https:\\\\127.0.0.1:{c}\\",
    "https:127.0.0.1:{c}/",
    "https:/127.0.0.1:{c}/",
    "https:////127.0.0.1:{c}/",
    "HTTPS://127.0.0.1:{c}/",
    "  https://127.0.0.1:{c}/  ",
    "ht\ttps://127.0.0.1:{c}/",
    "https://127.0.\n0.1:{c}/",
    "http://127.0.0.1:{c}/",
    "http://127.0.0.1:0{c}/",
    "ws://127.0.0.1:{c}/",
    "ftp://127.0.0.1:{c}/",
    "gopher://127.0.0.1:{c}/_GET",
    "file://127.0.0.1:{c}/etc/passwd",
    "data:text/plain,127.0.0.1",
    "blob:https://127.0.0.1:{c}/x",
    "view-source:http://127.0.0.1:{c}/",
];

/// URLs that look like the canary's and belong to the allowed receiver: the parser that guards is the one that sends.
const ELSEWHERE: [&str; 4] = [
    "http://127.0.0.1:{r}\\@127.0.0.1:{c}/",
    "http://127.0.0.1:{r}/@127.0.0.1:{c}/",
    "http://127.0.0.1:{r}?@127.0.0.1:{c}/",
    "http://127.0.0.1:{r}#@127.0.0.1:{c}/",
];

/// Starts both Workers, which may send to these private destinations.
async fn start(scratch: &Scratch, private: &str) -> World {
    World::start(options(scratch, private)).await
}

fn options(scratch: &Scratch, private: &str) -> Options {
    options_in(scratch).var("PRIVATE_DESTINATIONS", private)
}

#[test]
fn nothing_reaches_the_canary() {
    block_on(async {
        let scratch = Scratch::new("canary").unwrap();
        let canary = Canary::start().await;
        let allowed = RawReceiver::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let redirect =
            format!("HTTP/1.1 307 X\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n", canary.port);
        let redirecting = RawReceiver::start(redirect).await.unwrap();
        let private = format!("127.0.0.1:{} 127.0.0.1:{}", allowed.port(), redirecting.port());
        let world = start(&scratch, &private).await;
        let tenant = world.tenant().await;
        let place =
            |url: &str| url.replace("{c}", &canary.port.to_string()).replace("{r}", &allowed.port().to_string());
        let urls = HOSTS.split_whitespace().flat_map(|host| {
            [
                format!("https://{host}:{}/", canary.port),
                format!("http://{host}:{}/", canary.port),
                format!("https://{host}/"),
            ]
        });
        let urls: Vec<String> = urls.chain(URLS.map(place)).collect();
        println!("{} destinations, twice", urls.len());
        each(&urls, async |url| assert_url_refused(&tenant, url).await).await;
        assert_eq!((tenant.count_jobs().await, tenant.read("/v1/endpoints").await["data"].clone()), (0, json!([])));
        each(ELSEWHERE.map(place), async |url| {
            let job = tenant.complete(&webhook(&url)).await;
            assert_eq!(job["state"], "succeeded", "{url}: {job}");
        })
        .await;
        assert_eq!(allowed.requests().len(), ELSEWHERE.len());
        let job = tenant.complete(&webhook(&redirecting.url("/"))).await;
        assert_eq!((&job["state"], &job["error"]["class"]), (&json!("dead"), &json!("http_3xx")), "{job}");
        assert_eq!(canary.connections(), 0);
        canary.assert_it_counts().await;
        world.runner.stop().await.unwrap();
    });
}

fn webhook(url: &str) -> Value {
    json!({"kind": "webhook", "payload": {"url": url, "body": {"n": 1}}, "max_attempts": 1})
}

/// Checks that a URL is refused at once as a bare URL, in a batch and as an endpoint, with a code that does not reveal
/// listeners.
async fn assert_url_refused(tenant: &Tenant<'_>, url: &str) {
    let answer = tenant.api.post("/v1/jobs", &webhook(url)).await.unwrap();
    let code = answer.body["errors"][0]["code"].as_str().unwrap_or_else(|| panic!("{url}: {}", answer.body));
    let codes = ["destination-blocked", "url-scheme", "url-userinfo", "url-host", "url-port", "url-invalid"];
    let code = codes.into_iter().find(|known| *known == code).unwrap_or_else(|| panic!("{url}: {}", answer.body));
    assert_refused(url, &answer, invalid("#/payload/url", code));
    let batch = tenant.api.post("/v1/jobs/batch", &json!({"jobs": [webhook(url)]})).await.unwrap();
    assert_eq!((batch.status, &batch.body["results"][0]["status"]), (200, &json!(422)), "{url}: {}", batch.body);
    let answer = tenant.api.put("/v1/endpoints/canary", &json!({"url": url})).await.unwrap();
    assert_refused(url, &answer, invalid("#/url", code));
}

/// A destination that was allowed at the accept and is not allowed at the attempt gets no request.
#[test]
fn a_destination_is_checked_again_before_each_attempt() {
    block_on(async {
        let scratch = Scratch::new("recheck").unwrap();
        let canary = Canary::start().await;
        let url = format!("http://127.0.0.1:{}/", canary.port);
        let world = start(&scratch, "127.0.0.1:*").await;
        let tenant = world.tenant().await;
        let endpoint = tenant.api.put("/v1/endpoints/orders", &json!({"url": url})).await.unwrap();
        assert_eq!(endpoint.status, 200, "{}", endpoint.body);
        let mut ids = Vec::new();
        for mut job in [webhook(&url), to_endpoint("orders")] {
            job["delay_seconds"] = json!(3_600);
            ids.push(tenant.accept(&job).await);
        }
        // While the destination is allowed, the request reaches it.
        assert_eq!(tenant.complete(&webhook(&url)).await["error"]["class"], "connect");
        let (reached, name) = (canary.connections(), tenant.name.clone());
        assert!(reached > 0);
        let world = world.kill_and_start(options(&scratch, "127.0.0.1:1")).await;
        let tenant = world.tenant_named(&name).await;
        for id in &ids {
            assert_eq!(tenant.act(&format!("/v1/jobs/{id}/retry")).await.status, 202);
            let job = tenant.ended(id).await;
            assert_eq!((&job["state"], &job["error"]["class"]), (&json!("dead"), &json!("blocked")), "{job}");
            assert_eq!(job["error"]["message"], "must use https", "the text names no port and no address");
            let attempt = &tenant.attempts(id).await[0];
            assert_eq!((&attempt["state"], &attempt["request"]), (&json!("failed"), &Value::Null), "{attempt}");
            let replayed = tenant.act(&format!("/v1/dead-letters/{id}/replay")).await;
            assert_eq!(tenant.ended(replayed.body["id"].as_str().unwrap()).await["error"]["class"], "blocked");
        }
        assert_eq!(canary.connections(), reached);
        canary.assert_it_counts().await;
        world.runner.stop().await.unwrap();
    });
}
