//! The journal of the server.

use crate::traffic::scene::Scene;
use crate::traffic::source::Source;
use log_model::Level::{self, Error, Info, Notice, Warning};

const GUESSED: [&str; 8] = ["root", "admin", "oracle", "ubuntu", "test", "git", "postgres", "pi"];

impl Scene<'_> {
    fn home(&mut self, level: Level, app: &str, pid: u64, message: &str) {
        self.journal(Source::HomeJournal, level, app, pid, message);
    }

    fn stranger(&mut self) -> (String, u64) {
        let address = format!("198.51.100.{}", self.rng.range(2, 250));
        (address, self.rng.range(32_000, 61_000))
    }
}

/// Somebody knocks at port 22, mostly strangers.
pub(in crate::traffic) fn sshd(scene: &mut Scene<'_>) {
    let pid = scene.rng.range(20_000, 400_000);
    if scene.rng.chance(0.05) {
        let (user, port) = (scene.rng.pick(&["mika", "ren", "backup"]), scene.rng.range(40_000, 60_000));
        let from = format!("192.168.88.{}", scene.rng.range(20, 60));
        scene.home(Info, "sshd", pid, &format!("Accepted publickey for {user} from {from} port {port} ssh2: ED25519 SHA256:q8Zc0wTtY1mVb4hKx2Jr7nUeLs9dGfPa3oQiRjHyMvE"));
        scene.wait(0.01, 0.05);
        scene.home(
            Info,
            "sshd",
            pid,
            &format!("pam_unix(sshd:session): session opened for user {user}(uid=1000) by (uid=0)"),
        );
        scene.wait(2.0, 25.0);
        return scene.home(
            Info,
            "sshd",
            pid,
            &format!("pam_unix(sshd:session): session closed for user {user}"),
        );
    }
    let (address, port) = scene.stranger();
    match scene.rng.range(0, 10) {
        0..=3 => {
            let user = scene.rng.pick(&GUESSED);
            scene.home(Info, "sshd", pid, &format!("Invalid user {user} from {address} port {port}"));
            scene.wait(0.2, 1.5);
            scene.home(
                Info,
                "sshd",
                pid,
                &format!("Connection closed by invalid user {user} {address} port {port} [preauth]"),
            );
        }
        4 | 5 => failed_password(scene, pid, &address, port),
        6 | 7 => scene.home(
            Info,
            "sshd",
            pid,
            &format!("Received disconnect from {address} port {port}:11: Bye Bye [preauth]"),
        ),
        8 => scene.home(
            Error,
            "sshd",
            pid,
            "error: kex_exchange_identification: Connection closed by remote host",
        ),
        _ => scene.home(
            Info,
            "sshd",
            pid,
            &format!("banner exchange: Connection from {address} port {port}: invalid format"),
        ),
    }
}

/// One of very many guesses.
pub(in crate::traffic) fn password_guess(scene: &mut Scene<'_>) {
    let pid = scene.rng.range(20_000, 400_000);
    let (address, port) = scene.stranger();
    failed_password(scene, pid, &address, port);
}

fn failed_password(scene: &mut Scene<'_>, pid: u64, address: &str, port: u64) {
    let user = scene.rng.pick(&GUESSED);
    scene.home(Info, "sshd", pid, &format!("Failed password for {user} from {address} port {port} ssh2"));
}

/// Sessions and slices.
pub(in crate::traffic) fn systemd(scene: &mut Scene<'_>) {
    let session = scene.rng.range(100, 9_999);
    match scene.rng.range(0, 8) {
        0..=3 => scene.home(Info, "systemd", 1, &format!("Started Session {session} of User mika.")),
        4..=6 => {
            scene.home(Info, "systemd", 1, &format!("session-{session}.scope: Deactivated successfully."));
        }
        _ => scene.home(Info, "systemd", 1, "Created slice User Slice of UID 1000."),
    }
}

/// Timers that run on the hour.
pub(in crate::traffic) fn systemd_hourly(scene: &mut Scene<'_>) {
    scene.home(Info, "systemd", 1, "Starting Rotate log files...");
    scene.wait(0.2, 0.9);
    scene.home(Info, "systemd", 1, "logrotate.service: Deactivated successfully.");
    scene.home(Info, "systemd", 1, "Finished Rotate log files.");
}

/// A new generation: the unit is stopped and started.
pub(in crate::traffic) fn deploy(scene: &mut Scene<'_>) {
    let generation = scene.rng.range(180, 320);
    scene.home(
        Info,
        "nixos-rebuild",
        4_711,
        &format!("switching to system configuration /nix/var/nix/profiles/system-{generation}-link"),
    );
    scene.wait(2.0, 5.0);
    scene.home(Info, "systemd", 1, "Stopping Photo server...");
    scene.wait(0.4, 1.2);
    scene.home(Info, "systemd", 1, "photo-api.service: Deactivated successfully.");
    scene.home(Info, "systemd", 1, "Stopped Photo server.");
    scene.wait(0.1, 0.3);
    scene.home(Info, "systemd", 1, "Started Photo server.");
    scene.wait(0.5, 1.0);
    scene.home(Info, "nixos-rebuild", 4_711, "finished switching to system configuration");
}

/// The house reports.
pub(in crate::traffic) fn home_assistant(scene: &mut Scene<'_>) {
    const PID: u64 = 1_843;
    let room = scene.rng.pick(&["living_room", "kitchen", "bedroom", "hall", "study"]);
    let tenth = scene.rng.range(180, 265);
    match scene.rng.range(0, 200) {
        0..=99 => scene.home(
            Info,
            "home-assistant",
            PID,
            &format!(
                "[homeassistant.components.sensor] sensor.{room}_temperature changed to {}.{} °C",
                tenth / 10,
                tenth % 10
            ),
        ),
        100..=149 => scene.home(
            Info,
            "home-assistant",
            PID,
            &format!(
                "[homeassistant.components.zha] {room} motion sensor reports occupancy, link quality {tenth}"
            ),
        ),
        150..=179 => scene.home(
            Info,
            "home-assistant",
            PID,
            &format!(
                "[homeassistant.components.automation] automation.{room}_lights triggered by state change"
            ),
        ),
        180..=191 => scene.home(
            Info,
            "home-assistant",
            PID,
            &format!("[homeassistant.helpers.script] {room} scene: running step {}", tenth % 5),
        ),
        192..=196 => scene.home(
            Warning,
            "home-assistant",
            PID,
            &format!(
                "[homeassistant.helpers.entity] Update of light.{room} is taking over {} seconds",
                tenth / 20
            ),
        ),
        _ => scene.home(
            Error,
            "home-assistant",
            PID,
            &format!("[homeassistant.components.weather] Timeout fetching forecast data, retry in {tenth} s"),
        ),
    }
}

/// The database's small talk.
pub(in crate::traffic) fn postgres(scene: &mut Scene<'_>) {
    let pid = scene.rng.range(3_000, 9_000);
    let (n, ms) = (scene.rng.range(10, 4_000), scene.rng.around(800.0, 0.5));
    let table = scene.rng.pick(&["assets", "albums", "entries", "states", "statistics"]);
    match scene.rng.range(0, 100) {
        0..=44 => scene.home(Info, "postgres", pid, &format!("LOG:  automatic analyze of table \"lab.public.{table}\" system usage: CPU: user: 0.0{} s, system: 0.00 s, elapsed: 0.{} s", n % 10, n % 90 + 10)),
        45..=69 => scene.home(Info, "postgres", pid, &format!("LOG:  connection authorized: user=photo database=lab application_name=photo-api pid={pid}")),
        70..=89 => scene.home(Info, "postgres", pid, &format!("LOG:  duration: {ms:.3} ms  statement: SELECT count(*) FROM {table} WHERE id > {n}")),
        90..=95 => scene.home(Info, "postgres", pid, &format!("LOG:  automatic vacuum of table \"lab.public.{table}\": index scans: {}", n % 3)),
        96 | 97 => scene.home(Error, "postgres", pid, &format!("ERROR:  duplicate key value violates unique constraint \"{table}_pkey\"")),
        _ => scene.home(Error, "postgres", pid, "FATAL:  terminating connection due to idle-session timeout"),
    }
}

/// The database writes its buffers out.
pub(in crate::traffic) fn checkpoint(scene: &mut Scene<'_>) {
    let buffers = scene.rng.range(40, 900);
    scene.home(Info, "postgres", 702, "LOG:  checkpoint starting: time");
    scene.wait(8.0, 40.0);
    scene.home(Info, "postgres", 702, &format!("LOG:  checkpoint complete: wrote {buffers} buffers ({:.1}%); 0 WAL file(s) added, 0 removed, {} recycled", buffers as f64 / 163.84, buffers % 3));
}

/// Nobody has seen this one before.
pub(in crate::traffic) fn disk_full(scene: &mut Scene<'_>) {
    let (pid, file) = (scene.rng.range(3_000, 9_000), scene.rng.range(16_384, 99_999));
    scene.home(
        Error,
        "postgres",
        pid,
        &format!("ERROR:  could not extend file \"base/16401/{file}\": No space left on device"),
    );
}

/// The hourly backup.
pub(in crate::traffic) fn restic_backup(scene: &mut Scene<'_>) {
    const APP: &str = "restic-backup";
    let pid = scene.rng.range(100_000, 400_000);
    let (new, changed) = (scene.rng.range(0, 90), scene.rng.range(3, 400));
    let seconds = scene.rng.range(21, 55);
    let (parent, saved) = (scene.rng.u64() as u32, scene.rng.u64() as u32);
    scene.home(Info, APP, pid, &format!("using parent snapshot {parent:08x}"));
    scene.wait(1.0, 4.0);
    scene.home(Info, APP, pid, "load index files");
    scene.wait(1.0, 4.0);
    scene.home(Info, APP, pid, "start scan on [/var/lib /home /etc]");
    scene.wait(3.0, 20.0);
    scene.home(
        Info,
        APP,
        pid,
        &format!("Files: {new} new, {changed} changed, 214{:03} unmodified", new * 7 % 1_000),
    );
    scene.home(
        Info,
        APP,
        pid,
        &format!(
            "Added to the repository: {}.{:03} MiB ({}.{:03} MiB stored)",
            changed,
            new,
            changed / 2,
            new
        ),
    );
    scene.home(
        Notice,
        APP,
        pid,
        &format!("processed 214{changed:03} files, 381.{new:03} GiB in 0:{seconds}"),
    );
    scene.wait(0.2, 1.0);
    scene.home(Info, APP, pid, &format!("snapshot {saved:08x} saved"));
}
