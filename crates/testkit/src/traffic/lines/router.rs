//! What the `RouterOS` router sends.

use crate::traffic::rng::Rng;
use crate::traffic::scene::Scene;

/// A packet that the firewall dropped.
pub(in crate::traffic) fn firewall(scene: &mut Scene<'_>) {
    let (source, port) = (internet(scene.rng), scene.rng.range(1_024, 65_535));
    let wanted = scene.rng.pick(&[22, 23, 80, 443, 445, 1433, 2323, 3389, 5060, 5555, 8080, 8728]);
    let mac = "84:16:f9:0a:55:01";
    let message = match scene.rng.range(0, 10) {
        0..=6 => format!(
            "drop-input: in:ether1 out:(unknown 0), connection-state:new src-mac {mac}, proto TCP (SYN), {source}:{port}->198.51.100.20:{wanted}, len {}",
            scene.rng.pick(&[40, 44, 60])
        ),
        7 | 8 => format!(
            "drop-input: in:ether1 out:(unknown 0), connection-state:new src-mac {mac}, proto UDP, {source}:{port}->198.51.100.20:{wanted}, len {}",
            scene.rng.range(46, 460)
        ),
        _ => format!(
            "drop-forward: in:vlan30-iot out:ether1, connection-state:new src-mac 7c:f6:66:1b:02:{:02x}, proto TCP (SYN), 192.168.30.{}:{port}->{source}:443, len 60",
            scene.rng.range(1, 9),
            scene.rng.range(10, 19)
        ),
    };
    scene.router("firewall,info", &message);
}

/// A lease is given or given back.
pub(in crate::traffic) fn dhcp(scene: &mut Scene<'_>) {
    let host = scene.rng.range(20, 60);
    let device = device(host);
    let mac = mac(host);
    match scene.rng.range(0, 12) {
        0..=4 => {
            scene.router("dhcp,info", &format!("lan-dhcp deassigned 192.168.88.{host} for {mac} {device}"));
        }
        5..=10 => {
            scene.router("dhcp,info", &format!("lan-dhcp assigned 192.168.88.{host} for {mac} {device}"));
        }
        _ => scene.router(
            "dhcp,warning",
            &format!("lan-dhcp offering lease 192.168.88.{host} for {mac} without success"),
        ),
    }
}

/// A device comes or goes.
pub(in crate::traffic) fn wireless(scene: &mut Scene<'_>) {
    let host = scene.rng.range(20, 60);
    let (mac, radio) = (mac(host), scene.rng.pick(&["wifi1", "wifi2"]));
    let signal = scene.rng.range(48, 82);
    match scene.rng.range(0, 8) {
        0..=3 => {
            scene.router("wireless,info", &format!("{mac}@{radio}: connected, signal strength -{signal}"));
        }
        4..=6 => scene.router(
            "wireless,info",
            &format!("{mac}@{radio}: disconnected, connection lost, signal strength -{signal}"),
        ),
        _ => scene.router(
            "wireless,info",
            &format!("{mac}@{radio}: disconnected, received deauth: sending station leaving (3)"),
        ),
    }
}

fn internet(rng: &mut Rng) -> String {
    format!("{}.{}.{}.{}", rng.range(34, 203), rng.range(0, 255), rng.range(0, 255), rng.range(1, 255))
}

fn mac(host: u64) -> String {
    format!("5c:e9:1e:{:02x}:{:02x}:{host:02x}", host * 7 % 256, host * 13 % 256)
}

fn device(host: u64) -> &'static str {
    ["pixel-8", "ipad-yui", "thermostat", "tv-livingroom", "printer", "laptop-ren"][host as usize % 6]
}
