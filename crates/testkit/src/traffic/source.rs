//! The files that the live hour's lines are in.

use log_model::parse::Format;

/// A source of lines: a file on one of the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// nginx's access log on homeMachine.
    NginxAccess,
    /// nginx's error log on homeMachine.
    NginxError,
    /// A JSON application on homeMachine.
    PhotoApi,
    /// A JSON application on homeMachine.
    Bookshelf,
    /// A JSON application on nixos-desktop.
    FeedReader,
    /// Journal of homeMachine, as syslog lines.
    HomeJournal,
    /// Journal of nixos-desktop, as syslog lines.
    DesktopJournal,
    /// What the router sends.
    Router,
}

/// The server that is always on.
pub(super) const HOME: &str = "homeMachine";
/// The workstation.
pub(super) const DESKTOP: &str = "nixos-desktop";
/// The router.
pub(super) const ROUTER: &str = "mikrotik";

impl Source {
    /// All sources.
    pub const ALL: [Self; 8] = [
        Self::NginxAccess,
        Self::NginxError,
        Self::PhotoApi,
        Self::Bookshelf,
        Self::FeedReader,
        Self::HomeJournal,
        Self::DesktopJournal,
        Self::Router,
    ];

    /// Host that the file is on.
    pub const fn host(self) -> &'static str {
        match self {
            Self::NginxAccess | Self::NginxError | Self::PhotoApi | Self::Bookshelf | Self::HomeJournal => {
                HOME
            }
            Self::FeedReader | Self::DesktopJournal => DESKTOP,
            Self::Router => ROUTER,
        }
    }

    /// Name of the file.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::NginxAccess => "nginx-access.log",
            Self::NginxError => "nginx-error.log",
            Self::PhotoApi => "photo-api.json",
            Self::Bookshelf => "bookshelf.json",
            Self::FeedReader => "feed-reader.json",
            Self::HomeJournal => "journal-home.log",
            Self::DesktopJournal => "journal-desktop.log",
            Self::Router => "mikrotik.log",
        }
    }

    /// How its lines look.
    pub const fn format(self) -> Format {
        match self {
            Self::NginxAccess | Self::NginxError => Format::Nginx,
            Self::PhotoApi | Self::Bookshelf | Self::FeedReader => Format::Json,
            Self::HomeJournal | Self::DesktopJournal | Self::Router => Format::Syslog,
        }
    }

    /// Service of the lines that name none.
    pub const fn service(self) -> &'static str {
        match self {
            Self::NginxAccess | Self::NginxError => "nginx",
            Self::PhotoApi => "photo-api",
            Self::Bookshelf => "bookshelf",
            Self::FeedReader => "feed-reader",
            Self::HomeJournal | Self::DesktopJournal => "journal",
            Self::Router => "mikrotik",
        }
    }
}
