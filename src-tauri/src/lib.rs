//! Couchkey's window: builder, plugins, state, window.

mod auto_lock;
mod backups;
mod camera;
mod clipboard;
#[macro_use]
mod commands;
mod dialogs;
mod drawn;
mod events;
mod first_look;
mod hardening;
mod links;
mod navigation;
mod opening;
mod os_lock;
mod sheet;
mod shell;
mod start;
mod transfer;
mod webview_env;

#[cfg(test)]
mod bindings;

use std::{process::ExitCode, sync::Arc, time::Duration};

use tauri::{
    AppHandle, Manager, RunEvent, WebviewWindowBuilder, WindowEvent,
    webview::{Color, NewWindowResponse},
};

use zeroize::Zeroizing;

use crate::{shell::Shell, start::Start};

/// A link or a passphrase passes through many hands, each of which copies it: Tauri's, serde's, the clipboard's, D-Bus'. What
/// our own code wipes by its types, this wipes of all the others as soon as they let go of it (docs/decisions/0225).
#[global_allocator]
static WIPES: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// The label of the one window.
pub(crate) const WINDOW: &str = "main";

/// Whether the system leaves our window out of screenshots and recordings when asked to.
pub(crate) const CONTENT_PROTECTION: bool = cfg!(any(windows, target_os = "macos"));

/// However slow the page is, the window shows after this time.
const SHOWN_AT_THE_LATEST: Duration = Duration::from_secs(3);

/// Runs the app until its window is closed.
#[cfg_attr(mobile, tauri::mobile_entry_point)]
pub fn run() -> ExitCode {
    webview_env::choose(); // first: it sets environment variables, which needs that there is one thread
    hardening::prepare();
    let start = match Start::read(std::env::args_os()) {
        Ok(start) => start,
        Err(answer) => {
            let _ = answer.print(); // a closed standard output is nobody's loss
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
        }
    };
    let shell = match Shell::new(&start) {
        Ok(shell) => shell,
        Err(error) => {
            let report = error.report();
            eprintln!("error: {}\nhint: {}", report.message, report.hint);
            return ExitCode::FAILURE;
        }
    };
    match app(start, &shell) {
        Ok(app) => {
            app.run(move |_app, event| match event {
                RunEvent::Exit => shell.end(),
                #[cfg(any(target_os = "macos", target_os = "ios", target_os = "android"))]
                RunEvent::Opened { urls } => {
                    take_links(_app, urls.into_iter().map(|url| String::from(url).into()));
                }
                _ => {}
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: the window cannot be opened: {error}");
            ExitCode::FAILURE
        }
    }
}

fn app(start: Start, shell: &Arc<Shell>) -> tauri::Result<tauri::App> {
    let context = tauri::generate_context!();
    let mut builder = tauri::Builder::default();
    #[cfg(desktop)]
    {
        builder = builder
            .plugin(single_instance(&start, &context.config().identifier))
            .plugin(remembers_its_place());
    }
    let (shell, for_setup, for_pictures) =
        (Arc::clone(shell), Arc::clone(shell), Arc::clone(shell));
    builder
        .register_uri_scheme_protocol(transfer::SCHEME, move |_, request| {
            for_pictures.pictures().answer(&request)
        })
        .manage(shell)
        .invoke_handler(every_command!(tauri::generate_handler))
        .setup(move |app| {
            for_setup.take_links(start.links);
            for_setup.open_early();
            open_window(app.handle(), &for_setup)?;
            let guarded = Arc::clone(&for_setup);
            for_setup.guard().watch(move || guarded.lock_unattended());
            os_lock::watch(&for_setup);
            backups::watch(&for_setup);
            Ok(())
        })
        .build(context)
}

/// A second start hands its link to the first, and raises its window.
#[cfg(desktop)]
fn single_instance(start: &Start, identifier: &str) -> tauri::plugin::TauriPlugin<tauri::Wry> {
    tauri_plugin_single_instance::Builder::new()
        .dbus_id(start.instance(identifier))
        .callback(|app, arguments, _| {
            let links = Start::read(arguments).map_or_else(|_| Vec::new(), |start| start.links);
            take_links(app, links);
        })
        .build()
}

/// Somebody started us again, perhaps with links: the window comes to the front, and the links wait in it.
fn take_links(app: &AppHandle, links: impl IntoIterator<Item = Zeroizing<String>>) {
    #[cfg(desktop)]
    raise(app);
    app.state::<Arc<Shell>>().take_links(links);
}

/// Size and position; whether it shows is decided by `shown`.
#[cfg(desktop)]
fn remembers_its_place() -> tauri::plugin::TauriPlugin<tauri::Wry> {
    use tauri_plugin_window_state::StateFlags;
    tauri_plugin_window_state::Builder::new()
        .with_state_flags(StateFlags::SIZE | StateFlags::POSITION)
        .build()
}

/// Hidden until its page has something to show.
fn open_window(app: &AppHandle, shell: &Arc<Shell>) -> tauri::Result<()> {
    let Some(config) = app.config().app.windows.first() else {
        return Err(tauri::Error::WindowNotFound);
    };
    let for_page = Arc::clone(shell);
    let mut builder = WebviewWindowBuilder::from_config(app, config)?
        .on_web_resource_request(move |_, response| {
            first_look::begin_with(response, || for_page.beginning());
        })
        .on_navigation(navigation::is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .devtools(cfg!(debug_assertions))
        .background_color(PAPER);
    if CONTENT_PROTECTION {
        builder = builder.content_protected(true);
    }
    let window = builder.build()?;
    #[cfg(target_os = "linux")]
    camera::switch_on(&window)?;
    let to_leave = window.clone();
    shell.when_locked(move || {
        let _ = navigation::leave(&to_leave); // where the window is gone, so is its page
    });
    let shell = Arc::clone(shell);
    window.on_window_event(move |event| {
        if let WindowEvent::Focused(true) = event {
            shell.came_to_front();
        }
    });
    let late = app.clone();
    std::thread::spawn(move || {
        std::thread::sleep(SHOWN_AT_THE_LATEST);
        show(&late);
    });
    Ok(())
}

/// The colour of the page before it is painted: --paper of ui/src/tokens.css.
const PAPER: Color = Color(0xf8, 0xf4, 0xec, 0xff);

/// Shows the window for the first time; afterwards this does nothing.
pub(crate) fn show(app: &AppHandle) {
    static SHOWN: std::sync::Once = std::sync::Once::new();
    SHOWN.call_once(|| {
        if let Some(window) = app.get_webview_window(WINDOW) {
            let _ = window.show();
            let _ = window.set_focus();
        }
    });
}

/// Brings the window to the front.
#[cfg(desktop)]
fn raise(app: &AppHandle) {
    show(app);
    if let Some(window) = app.get_webview_window(WINDOW) {
        let _ = window.unminimize();
        let _ = window.set_focus();
    }
}
