//! The wall for machines.

use super::model::Wall;

/// One JSON document, ended by a newline.
pub fn render(wall: &Wall) -> serde_json::Result<String> {
    let mut text = serde_json::to_string(wall)?;
    text.push('\n');
    Ok(text)
}
