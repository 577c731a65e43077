//! Checks tauri.conf.json and the capability, embeds icons and manifests. Only commands that the capability names can be
//! called: without this list Tauri would let the page call every command of ours.

use std::{error::Error, fs};

/// Embedded into the program, so that it is built again when they change.
const PAGES: &str = "../ui/dist";

const CAPABILITY: &str = "capabilities/main.json";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={CAPABILITY}");
    println!("cargo::rerun-if-changed={PAGES}");
    if !fs::exists(format!("{PAGES}/index.html"))? {
        return Err("the window's pages are missing: run `npm run build` in ui/ first".into());
    }
    let capability: serde_json::Value = serde_json::from_str(&fs::read_to_string(CAPABILITY)?)?;
    let commands: Vec<String> = capability["permissions"]
        .as_array()
        .ok_or("the capability has no permissions")?
        .iter()
        .filter_map(|permission| permission.as_str()?.strip_prefix("allow-"))
        .map(|command| command.replace('-', "_"))
        .collect();
    // Tauri's build script wants names that live as long as the program; this one lives for a second.
    let commands: Vec<&'static str> = commands.into_iter().map(|name| &*name.leak()).collect();
    let manifest = tauri_build::AppManifest::new().commands(commands.leak());
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest))?;
    Ok(())
}
