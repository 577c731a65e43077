//! Programs that a test starts, and their certain end.
//!
//! Three nets, because a daemon may slip through each of them: the kernel kills our direct children when the tests
//! die (`setpriv --pdeathsig`); descendants are followed through the table of processes; and every process carries a
//! mark of its session in its environment, which stays even when its parent has gone.

use super::wait::until;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, mpsc};
use std::time::Duration;

/// The name of the environment variable that marks the processes of a session.
const MARK: &str = "COUCHKEY_TEST_SESSION";

/// One process, known by its id and when it started: an id alone is given again to strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// The process id.
    pub id: i32,
    /// When it started, in clock ticks after the machine did (proc(5), field 22 of `stat`).
    started: u64,
}

impl Process {
    /// The program that this process runs, if it may be known.
    pub fn program(self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/exe", self.id)).ok()
    }

    /// Ends it at once: it gets no chance to tidy up.
    pub fn kill(self) {
        self.signal(Signal::KILL);
    }

    /// Does it listen on this port, it and not another program? (proc(5): `/proc/net/tcp`, `/proc/[pid]/fd`)
    pub fn listens_on(self, port: u16) -> bool {
        const LISTEN: &str = "0A";
        let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let sockets: Vec<PathBuf> = table
            .lines()
            .filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let (_, local) = fields.get(1)?.split_once(':')?;
                let ours = u16::from_str_radix(local, 16) == Ok(port) && fields[3] == LISTEN;
                ours.then(|| PathBuf::from(format!("socket:[{}]", fields.get(9).unwrap_or(&""))))
            })
            .collect();
        let open = fs::read_dir(format!("/proc/{}/fd", self.id));
        open.into_iter()
            .flatten()
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|target| sockets.contains(&target)))
    }

    fn signal(self, signal: Signal) {
        if let (true, Some(pid)) = (alive(self), Pid::from_raw(self.id)) {
            // It may end between the question and the signal; then there is nothing left to do.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Is this process still there? One that has ended and only waits to be collected by its parent is not.
pub fn alive(process: Process) -> bool {
    Row::read(process.id).is_some_and(|row| row.process == process)
}

/// Which end of a program's talk the caller wants for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipe {
    /// Neither: nothing to read, and all it writes goes to its log.
    Neither,
    /// To write what it reads.
    Stdin,
    /// To read what it writes.
    Stdout,
}

/// The pipes to a program, as far as they were asked for.
pub struct Pipes {
    pub stdin: Option<ChildStdin>,
    pub stdout: Option<ChildStdout>,
}

/// Everything that one session has started.
pub struct Programs {
    mark: String,
    logs: PathBuf,
    running: Mutex<Vec<Program>>,
}

struct Program {
    name: String,
    process: Process,
    child: Child,
}

impl Programs {
    /// `home` is the session's own folder: its path is the mark, and `logs` below it takes what programs write to stderr.
    pub fn new(home: &Path) -> Programs {
        Programs {
            mark: home.display().to_string(),
            logs: home.join("logs"),
            running: Mutex::new(Vec::new()),
        }
    }

    /// The environment variable that makes a process one of this session.
    pub fn mark(&self) -> (&'static str, &str) {
        (MARK, &self.mark)
    }

    /// Starts a program that runs beside the test. What it writes goes to its log, but for the pipe that is asked for.
    pub fn start(&self, name: &str, command: Command, pipe: Pipe) -> (Process, Pipes) {
        let program = command.get_program().to_owned();
        let log = || {
            let file = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.log_path(name));
            Stdio::from(file.expect("the session's home can be written"))
        };
        let mut command = tied_to_our_life(command);
        command.stdin(if pipe == Pipe::Stdin {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command.stdout(if pipe == Pipe::Stdout {
            Stdio::piped()
        } else {
            log()
        });
        command.stderr(log());
        let mut child = spawn(command)
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let process = Row::read(child.id().cast_signed())
            .map(|row| row.process)
            .unwrap_or_else(|| panic!("{} ended at once:\n{}", program.display(), self.log(name)));
        let pipes = Pipes {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
        };
        self.running().push(Program {
            name: name.to_owned(),
            process,
            child,
        });
        (process, pipes)
    }

    /// Ends the program of this name, if there is one, with all its descendants.
    pub fn stop(&self, name: &str) {
        let mut running = self.running();
        let Some(at) = running.iter().position(|program| program.name == name) else {
            return;
        };
        let program = running.remove(at);
        drop(running);
        end(program);
    }

    /// What the program of this name has written to stderr.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.log_path(name)).unwrap_or_default()
    }

    /// Every living process of this session.
    pub fn family(&self) -> Vec<Process> {
        let rows = Row::all();
        let mut family: Vec<Process> = rows
            .iter()
            .filter(|row| row.has(MARK, &self.mark))
            .map(|row| row.process)
            .collect();
        for program in self.running().iter() {
            family.push(program.process);
            family.extend(descendants(&rows, program.process));
        }
        family.sort_unstable();
        family.dedup();
        family.retain(|process| alive(*process));
        family
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    fn running(&self) -> MutexGuard<'_, Vec<Program>> {
        // A panic in another thread of the test must not keep us from tidying up.
        self.running
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        loop {
            let last = self.running().pop();
            let Some(program) = last else { break };
            end(program);
        }
        // Whoever is left has left its parent: a service that the bus started, a child that outlived a crash.
        until(GRACE, || {
            let left = self.family();
            left.iter().for_each(|process| process.kill());
            left.is_empty()
        });
    }
}

/// How long a program may take to end by itself when it is asked to.
const GRACE: Duration = Duration::from_secs(3);

fn end(mut program: Program) {
    let family = descendants(&Row::all(), program.process);
    program.process.signal(Signal::TERM);
    let ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)) | Err(_));
    if !until(GRACE, || ended(&mut program.child)) {
        program.process.kill();
        let _ = program.child.wait();
    }
    family
        .iter()
        .for_each(|process| process.signal(Signal::TERM));
    if !until(GRACE, || !family.iter().any(|process| alive(*process))) {
        family.iter().for_each(|process| process.kill());
    }
}

/// The living descendants of a process.
pub fn descendants_of(process: Process) -> Vec<Process> {
    descendants(&Row::all(), process)
}

fn descendants(rows: &[Row], root: Process) -> Vec<Process> {
    let mut family = vec![root];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        let children = rows
            .iter()
            .filter(|row| row.parent == parent.id && !family.contains(&row.process));
        let children: Vec<Process> = children.map(|row| row.process).collect();
        family.extend(children);
        at += 1;
    }
    family.split_off(1)
}

/// A line of the table of processes.
struct Row {
    process: Process,
    parent: i32,
}

impl Row {
    fn all() -> Vec<Row> {
        let entries = fs::read_dir("/proc").expect("Linux has a table of processes");
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        ids.filter_map(Row::read).collect()
    }

    /// `None` when there is no such process, or when it has ended and only waits to be collected.
    fn read(id: i32) -> Option<Row> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // proc(5): the second field is the name in parentheses, and may itself hold spaces and parentheses.
        let fields: Vec<&str> = stat
            .get(stat.rfind(')')? + 1..)?
            .split_whitespace()
            .collect();
        let (state, parent, started) = (*fields.first()?, fields.get(1)?, fields.get(19)?);
        if matches!(state, "Z" | "X") {
            return None;
        }
        Some(Row {
            process: Process {
                id,
                started: started.parse().ok()?,
            },
            parent: parent.parse().ok()?,
        })
    }

    /// Does its environment say `name=value`? A process of somebody else does not tell: then no.
    fn has(&self, name: &str, value: &str) -> bool {
        let wanted = format!("{name}={value}");
        fs::read(format!("/proc/{}/environ", self.process.id)).is_ok_and(|environment| {
            environment
                .split(|byte| *byte == 0)
                .any(|line| line == wanted.as_bytes())
        })
    }
}

/// The same command through `setpriv`, which has the kernel kill it when the thread that started it ends.
fn tied_to_our_life(command: Command) -> Command {
    let mut tied = Command::new("setpriv");
    tied.args(["--pdeathsig", "KILL", "--"])
        .arg(command.get_program())
        .args(command.get_args());
    tied.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            tied.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied
}

/// Starts the command from a thread that lives as long as the tests do, and not only as long as one test.
fn spawn(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static STARTER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (send, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        send
    });
    let (send, answer) = mpsc::channel();
    starter
        .send((command, send))
        .expect("the starter's thread never ends");
    answer.recv().expect("the starter answers every order")
}
