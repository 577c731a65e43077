//! Couchkey's window: builder, plugins, state, window.

mod ask;
mod backups;
mod clipboard;
#[macro_use]
mod commands;
mod engine;
mod guard;
mod media;
mod news;
mod page;
mod process;
mod sheet;
mod shell;
mod sleep;
mod start;
mod transfer;

#[cfg(test)]
mod bindings;

use std::{process::ExitCode, sync::Arc, time::Duration};

use tauri::{
    AppHandle, Manager, RunEvent, WebviewWindowBuilder, WindowEvent,
    webview::{Color, NewWindowResponse},
};

use crate::{shell::Shell, start::Start};

/// The label of the one window.
pub(crate) const WINDOW: &str = "main";

/// Whether the system leaves our window out of screenshots and recordings when asked to.
pub(crate) const CONTENT_PROTECTION: bool = cfg!(any(windows, target_os = "macos"));

/// However slow the page is, the window shows after this time.
const SHOWN_AT_THE_LATEST: Duration = Duration::from_secs(3);

/// Runs the app until its window is closed.
#[cfg_attr(mobile, tauri::mobile_entry_point)]
pub fn run() -> ExitCode {
    engine::choose(); // first: it sets environment variables, which needs that there is one thread
    process::prepare();
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
            app.run(move |_, event| {
                if let RunEvent::Exit = event {
                    shell.end();
                }
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
            for_setup.open_early(start.link);
            open_window(app.handle(), &for_setup)?;
            let guarded = Arc::clone(&for_setup);
            for_setup.guard().watch(move || guarded.lock_unattended());
            sleep::watch(&for_setup);
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
            raise(app);
            if let Ok(Start {
                link: Some(link), ..
            }) = Start::read(arguments)
            {
                app.state::<Arc<Shell>>().link(&link);
            }
        })
        .build()
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
            page::begin_with(response, || for_page.first_look());
        })
        .on_navigation(page::is_ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .devtools(cfg!(debug_assertions))
        .background_color(PAPER);
    if CONTENT_PROTECTION {
        builder = builder.content_protected(true);
    }
    let window = builder.build()?;
    #[cfg(target_os = "linux")]
    media::switch_on(&window)?;
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
fn raise(app: &AppHandle) {
    show(app);
    if let Some(window) = app.get_webview_window(WINDOW) {
        let _ = window.unminimize();
        let _ = window.set_focus();
    }
}
