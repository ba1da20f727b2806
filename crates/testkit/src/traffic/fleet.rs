//! Who writes lines, how often, and in which rhythm.

use super::lines::{apps, desktop, home, router, web};
use super::scene::Scene;
use super::season::Season;
use super::source::{DESKTOP, HOME, ROUTER};

/// A service of the home lab.
pub(super) struct Service {
    pub(super) host: &'static str,
    pub(super) name: &'static str,
    pub(super) rhythm: Rhythm,
    /// Writes the lines of one event.
    pub(super) write: fn(&mut Scene<'_>),
    /// Writes the lines of one event of the service's own kind of trouble.
    pub(super) trouble: Option<fn(&mut Scene<'_>)>,
}

/// When events happen.
pub(super) enum Rhythm {
    /// At random, so many a minute on average.
    Random { per_minute: f64, season: Season },
    /// Evenly, so many a minute: a program that polls.
    Even { per_minute: f64 },
    /// Once every so many minutes, at this minute of the period.
    Job { period: i64, offset: i64 },
}

const EVENING: Season = Season { amplitude: 0.5, peak: 21.0, weekend: 1.25 };
const DAYTIME: Season = Season { amplitude: 0.4, peak: 14.0, weekend: 0.8 };

pub(super) const SERVICES: [Service; 20] = [
    random(HOME, "nginx", 3.6, EVENING, web::access).with_trouble(web::bad_gateway),
    random(HOME, "nginx", 0.05, EVENING, web::error_log),
    random(HOME, "photo-api", 2.0, EVENING, apps::photo_api),
    random(HOME, "bookshelf", 2.0, Season { amplitude: 0.4, peak: 22.0, weekend: 1.1 }, apps::bookshelf),
    random(HOME, "sshd", 0.3, Season::STEADY, home::sshd).with_trouble(home::password_guess),
    random(HOME, "systemd", 0.05, Season::STEADY, home::systemd),
    job(HOME, "systemd", 60, 0, home::systemd_hourly),
    even(HOME, "home-assistant", 1.0, home::home_assistant),
    even(HOME, "postgres", 0.5, home::postgres).with_trouble(home::disk_full),
    job(HOME, "postgres", 5, 2, home::checkpoint),
    job(HOME, "restic-backup", 60, 7, home::restic_backup),
    random(DESKTOP, "feed-reader", 1.0, DAYTIME, apps::feed_reader).with_trouble(apps::feed_retry),
    random(DESKTOP, "jellyfin", 0.7, Season { amplitude: 0.35, peak: 21.5, weekend: 1.4 }, desktop::jellyfin)
        .with_trouble(desktop::driver_gone),
    job(DESKTOP, "sanoid", 15, 0, desktop::sanoid),
    job(DESKTOP, "smartd", 30, 11, desktop::smartd),
    random(DESKTOP, "systemd", 0.06, Season::STEADY, desktop::systemd),
    job(DESKTOP, "systemd", 30, 10, desktop::systemd_half_hourly),
    random(ROUTER, "firewall", 1.3, Season { amplitude: 0.15, peak: 20.0, weekend: 1.0 }, router::firewall),
    random(ROUTER, "dhcp", 0.12, EVENING, router::dhcp),
    random(ROUTER, "wireless", 0.1, EVENING, router::wireless),
];

const fn random(
    host: &'static str,
    name: &'static str,
    per_minute: f64,
    season: Season,
    write: fn(&mut Scene<'_>),
) -> Service {
    Service { host, name, rhythm: Rhythm::Random { per_minute, season }, write, trouble: None }
}

const fn even(host: &'static str, name: &'static str, per_minute: f64, write: fn(&mut Scene<'_>)) -> Service {
    Service { host, name, rhythm: Rhythm::Even { per_minute }, write, trouble: None }
}

const fn job(
    host: &'static str,
    name: &'static str,
    period: i64,
    offset: i64,
    write: fn(&mut Scene<'_>),
) -> Service {
    Service { host, name, rhythm: Rhythm::Job { period, offset }, write, trouble: None }
}

impl Service {
    const fn with_trouble(mut self, write: fn(&mut Scene<'_>)) -> Self {
        self.trouble = Some(write);
        self
    }
}
