//! File dialogs of the system: where to save, which folder. They have to be made on the main thread; the answer comes
//! whenever the person gives it. Phones hand files on in another way, which comes with their project.

use std::path::PathBuf;

use tauri::AppHandle;

/// Asks where to save a file of this name; `None` when the person changes their mind.
pub fn save_as(app: &AppHandle, title: &'static str, file_name: &str) -> Option<PathBuf> {
    let file_name = file_name.to_owned();
    #[cfg(desktop)]
    return ask(app, title, move |dialog| {
        Box::pin(dialog.set_file_name(file_name).save_file())
    });
    #[cfg(mobile)]
    return nowhere(app, title, file_name);
}

/// Asks for a folder, beginning at `start`; `None` when the person changes their mind. Without a beginning GTK shows the
/// recently used files, where no folder can be chosen, not by typing its path either.
pub fn folder(app: &AppHandle, title: &'static str, start: PathBuf) -> Option<PathBuf> {
    #[cfg(desktop)]
    return ask(app, title, |dialog| {
        Box::pin(dialog.set_directory(start).pick_folder())
    });
    #[cfg(mobile)]
    return nowhere(app, title, start.to_string_lossy().into_owned());
}

#[cfg(desktop)]
type Answer = std::pin::Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>>;

#[cfg(desktop)]
fn ask(
    app: &AppHandle,
    title: &'static str,
    how: impl FnOnce(rfd::AsyncFileDialog) -> Answer + Send + 'static,
) -> Option<PathBuf> {
    use tauri::Manager;

    let window = app.get_webview_window(crate::WINDOW)?;
    let (answer, answered) = std::sync::mpsc::channel();
    app.run_on_main_thread(move || {
        let dialog = rfd::AsyncFileDialog::new()
            .set_parent(&window)
            .set_title(title);
        let question = how(dialog);
        tauri::async_runtime::spawn(async move {
            let _ = answer.send(question.await.map(|file| file.path().to_owned())); // nobody waits any more: fine
        });
    })
    .ok()?;
    answered.recv().ok().flatten()
}

#[cfg(mobile)]
fn nowhere(_: &AppHandle, _: &'static str, _: String) -> Option<PathBuf> {
    None
}
