//! The desktop's program: everything is in the library, which phones load too.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

fn main() {
    couchkey_app_lib::run();
}
