//! The journal of the workstation.

use crate::traffic::scene::Scene;
use crate::traffic::source::Source;
use log_model::Level::{self, Error, Info, Warning};

impl Scene<'_> {
    fn desktop(&mut self, level: Level, app: &str, pid: u64, message: &str) {
        self.journal(Source::DesktopJournal, level, app, pid, message);
    }
}

const MEDIA: &str = "jellyfin";
const MEDIA_PID: u64 = 2_210;

/// Somebody watches something.
pub(in crate::traffic) fn jellyfin(scene: &mut Scene<'_>) {
    let (item, seconds) = (scene.rng.range(100_000, 999_999), scene.rng.range(1, 7_200));
    let user = scene.rng.pick(&["mika", "ren", "yui"]);
    match scene.rng.range(0, 100) {
        0..=54 => scene.desktop(
            Info,
            MEDIA,
            MEDIA_PID,
            &format!("[INF] Playback progress of item {item} by {user}: {seconds} s"),
        ),
        55..=74 => scene.desktop(
            Info,
            MEDIA,
            MEDIA_PID,
            &format!(
                "[INF] HTTP GET /Items/{item}/Images/Primary answered 200 in {}.{} ms",
                seconds % 90,
                seconds % 10
            ),
        ),
        75..=84 => scene.desktop(
            Info,
            MEDIA,
            MEDIA_PID,
            &format!("[INF] Starting transcode of item {item} to hls, segment length {}", seconds % 4 + 3),
        ),
        85..=92 => scene.desktop(
            Info,
            MEDIA,
            MEDIA_PID,
            &format!("[INF] Deleting {} expired segments of item {item}", seconds % 60),
        ),
        93..=95 => {
            scene.desktop(Info, MEDIA, MEDIA_PID, "[INF] Library monitor: directory watchers are in place");
        }
        96 | 97 => scene.desktop(
            Warning,
            MEDIA,
            MEDIA_PID,
            &format!("[WRN] Client of {user} is {seconds} ms behind the live position"),
        ),
        _ => scene.desktop(
            Error,
            MEDIA,
            MEDIA_PID,
            &format!("[ERR] Subtitle provider answered 429, next attempt in {seconds} s"),
        ),
    }
}

/// Nobody has seen this one before.
pub(in crate::traffic) fn driver_gone(scene: &mut Scene<'_>) {
    let item = scene.rng.range(100_000, 999_999);
    scene.desktop(Error, MEDIA, MEDIA_PID, &format!("[ERR] FFmpeg exited with code 187 for item {item}: cannot open VAAPI device /dev/dri/renderD128: Operation not permitted"));
}

/// The snapshot job.
pub(in crate::traffic) fn sanoid(scene: &mut Scene<'_>) {
    let pid = scene.rng.range(100_000, 400_000);
    let stamp = scene.time("%Y-%m-%d_%H:%M:%S");
    scene.desktop(Info, "sanoid", pid, &format!("taking snapshot tank/home@autosnap_{stamp}_frequently"));
    scene.wait(0.3, 1.0);
    scene.desktop(Info, "sanoid", pid, &format!("taking snapshot tank/media@autosnap_{stamp}_frequently"));
    scene.wait(0.3, 1.0);
    let pruned = scene.rng.range(1, 5);
    scene.desktop(Info, "sanoid", pid, &format!("pruned {pruned} snapshots of tank/home"));
    scene.desktop(Info, "sanoid", pid, "INFO: pruning snapshots finished");
}

/// The disks are asked how they feel.
pub(in crate::traffic) fn smartd(scene: &mut Scene<'_>) {
    let degrees = scene.rng.range(31, 44);
    scene.desktop(Info, "smartd", 812, &format!("Device: /dev/sda [SAT], SMART Usage Attribute: 194 Temperature_Celsius changed from {} to {degrees}", degrees - 1));
    scene.wait(0.2, 0.8);
    scene.desktop(Info, "smartd", 812, "Device: /dev/nvme0, 0 new error log entries");
}

/// Sessions and small things.
pub(in crate::traffic) fn systemd(scene: &mut Scene<'_>) {
    let session = scene.rng.range(10, 999);
    match scene.rng.range(0, 8) {
        0..=3 => scene.desktop(Info, "systemd", 1, &format!("Started Session {session} of User ren.")),
        4..=6 => {
            scene.desktop(Info, "systemd", 1, &format!("run-u{session}.service: Deactivated successfully."));
        }
        _ => scene.desktop(Info, "systemd", 1, "Reached target Sound Card."),
    }
}

/// Timers of every half hour.
pub(in crate::traffic) fn systemd_half_hourly(scene: &mut Scene<'_>) {
    scene.desktop(Info, "systemd", 1, "Starting Refresh the firmware metadata...");
    scene.wait(0.5, 4.0);
    scene.desktop(Info, "systemd", 1, "Finished Refresh the firmware metadata.");
}
