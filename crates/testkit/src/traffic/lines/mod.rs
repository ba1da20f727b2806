//! What the services say.

pub(super) mod apps;
pub(super) mod desktop;
pub(super) mod home;
pub(super) mod router;
pub(super) mod web;
