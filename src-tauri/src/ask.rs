//! The system's own dialog for "where to save".

use std::path::PathBuf;

use tauri::AppHandle;

/// Asks where to save a file of this name; `None` when the person changes their mind. The dialog has to be made on the
/// main thread; the answer comes whenever the person gives it.
#[cfg(desktop)]
pub fn save_as(app: &AppHandle, title: &'static str, file_name: &str) -> Option<PathBuf> {
    use std::sync::mpsc;
    use tauri::Manager;

    let window = app.get_webview_window(crate::WINDOW)?;
    let (answer, answered) = mpsc::channel();
    let file_name = file_name.to_owned();
    app.run_on_main_thread(move || {
        let question = rfd::AsyncFileDialog::new()
            .set_parent(&window)
            .set_title(title)
            .set_file_name(file_name)
            .save_file();
        tauri::async_runtime::spawn(async move {
            let _ = answer.send(question.await.map(|file| file.path().to_owned())); // nobody waits any more: fine
        });
    })
    .ok()?;
    answered.recv().ok().flatten()
}

/// Phones hand files on in another way, which comes with their project.
#[cfg(mobile)]
pub fn save_as(_: &AppHandle, _: &'static str, _: &str) -> Option<PathBuf> {
    None
}
