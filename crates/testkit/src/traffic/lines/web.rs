//! nginx: access log (combined, with the request time behind) and error log.

use crate::traffic::rng::Rng;
use crate::traffic::scene::Scene;
use crate::traffic::source::Source;

/// Share of requests that an upstream fails to answer on an ordinary day.
const USUAL_5XX: f64 = 0.003;

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36",
    "photo-sync/2.4.1 (android; okhttp)",
    "Miniflux-compatible/1.0",
    "curl/8.14.1",
];
const PROBES: [&str; 6] = [
    "/wp-login.php",
    "/.env",
    "/cgi-bin/luci",
    "/phpmyadmin/index.php",
    "/.git/config",
    "/boaform/admin/formLogin",
];

/// One request.
pub(in crate::traffic) fn access(scene: &mut Scene<'_>) {
    if scene.rng.chance(0.04) {
        return probe(scene);
    }
    let (method, path, median_ms, bytes) = request(scene.rng);
    let failed = scene.rng.chance(USUAL_5XX + scene.effect.errors);
    let status = match scene.rng.f64() {
        _ if failed => scene.rng.pick(&[502, 502, 502, 504]),
        p if p < 0.06 => 304,
        p if p < 0.075 => 404,
        p if p < 0.085 => 401,
        _ if method == "POST" => 201,
        _ => 200,
    };
    let ms = if status == 502 { scene.rng.around(3.0, 0.4) } else { scene.rng.around(median_ms, 0.6) };
    let bytes = match status {
        200 | 201 => scene.rng.around(bytes, 0.8) as u64,
        304 => 0,
        _ => 157,
    };
    let agent = scene.rng.pick(&AGENTS);
    let client = client(scene.rng);
    line(scene, &client, &format!("{method} {path} HTTP/2.0"), status, bytes, agent, ms);
}

/// What the error log says when an upstream refuses connections.
pub(in crate::traffic) fn bad_gateway(scene: &mut Scene<'_>) {
    let client = client(scene.rng);
    let request = scene.rng.range(10_000, 99_999);
    let text = format!(
        "{} [error] 912#912: *{request} connect() failed (111: Connection refused) while connecting to upstream, client: {client}, server: lab.home.arpa, request: \"GET /api/albums/{} HTTP/2.0\", upstream: \"http://127.0.0.1:3001/\", host: \"photos.lab.home.arpa\"",
        scene.time("%Y/%m/%d %H:%M:%S"),
        request % 900
    );
    scene.line(Source::NginxError, text);
}

/// The usual grumbling of the error log.
pub(in crate::traffic) fn error_log(scene: &mut Scene<'_>) {
    if scene.rng.chance(0.1) {
        return bad_gateway(scene);
    }
    let client = client(scene.rng);
    let (connection, worker) = (scene.rng.range(10_000, 99_999), scene.rng.pick(&[911, 912, 913]));
    let (level, what) = match scene.rng.range(0, 10) {
        0..=2 => {
            let file = scene.rng.pick(&["favicon.ico", "robots.txt", "apple-touch-icon.png", "ads.txt"]);
            (
                "error",
                format!(
                    "open() \"/var/www/{file}\" failed (2: No such file or directory), client: {client}, server: lab.home.arpa"
                ),
            )
        }
        3 | 4 => (
            "warn",
            format!(
                "an upstream response is buffered to a temporary file /var/cache/nginx/proxy/{}/00000{connection} while reading upstream, client: {client}",
                connection % 10
            ),
        ),
        5 | 6 => ("info", format!("client {client} closed keepalive connection")),
        7 => ("error", format!("access forbidden by rule, client: {client}, server: grafana.lab.home.arpa")),
        8 => (
            "warn",
            format!(
                "a client request body is buffered to a temporary file /var/cache/nginx/body/00000{connection}, client: {client}"
            ),
        ),
        _ => (
            "crit",
            format!(
                "SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking, client: {client}, server: 0.0.0.0:443"
            ),
        ),
    };
    let text =
        format!("{} [{level}] {worker}#{worker}: *{connection} {what}", scene.time("%Y/%m/%d %H:%M:%S"));
    scene.line(Source::NginxError, text);
}

/// Somebody on the internet looks for doors.
fn probe(scene: &mut Scene<'_>) {
    let client = format!(
        "{}.{}.{}.{}",
        scene.rng.range(34, 203),
        scene.rng.range(0, 255),
        scene.rng.range(0, 255),
        scene.rng.range(1, 255)
    );
    let path = scene.rng.pick(&PROBES);
    let ms = scene.rng.around(1.0, 0.3);
    line(scene, &client, &format!("GET {path} HTTP/1.1"), 404, 153, "-", ms);
}

fn line(scene: &mut Scene<'_>, client: &str, request: &str, status: u16, bytes: u64, agent: &str, ms: f64) {
    let text = format!(
        "{client} - - [{}] \"{request}\" {status} {bytes} \"-\" \"{agent}\" {:.3}",
        scene.time("%d/%b/%Y:%H:%M:%S %z"),
        ms / 1000.0
    );
    scene.line(Source::NginxAccess, text);
}

/// Method, path, median milliseconds, median bytes.
fn request(rng: &mut Rng) -> (&'static str, String, f64, f64) {
    let id = rng.range(1, 5_000);
    match rng.range(0, 100) {
        0..=29 => ("GET", format!("/photos/thumb/{id}.webp"), 18.0, 14_000.0),
        30..=44 => ("GET", format!("/api/albums/{}", id % 400), 45.0, 6_000.0),
        45..=52 => ("GET", format!("/books/{id}/cover"), 12.0, 22_000.0),
        53..=60 => ("GET", "/feeds/unread?limit=50".to_owned(), 60.0, 18_000.0),
        61..=66 => ("POST", format!("/api/albums/{}/items", id % 400), 140.0, 300.0),
        67..=76 => ("GET", format!("/assets/app-{:08x}.js", id / 2_500 * 7_919), 6.0, 90_000.0),
        77..=84 => ("GET", "/".to_owned(), 9.0, 4_200.0),
        85..=92 => ("GET", format!("/grafana/api/datasources/proxy/{}/query", id % 3 + 1), 80.0, 9_000.0),
        93..=96 => ("GET", "/healthz".to_owned(), 2.0, 16.0),
        _ => ("PUT", format!("/dav/calendars/family/{id:05x}.ics"), 70.0, 0.0),
    }
}

fn client(rng: &mut Rng) -> String {
    if rng.chance(0.7) {
        format!("192.168.88.{}", rng.range(20, 60))
    } else {
        format!("203.0.113.{}", rng.range(2, 90))
    }
}
