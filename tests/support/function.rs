//! A function as a process of its own, with its log kept and searched.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::identifiers;

/// Where `cargo` put the binaries of this build.
pub(crate) fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test
        .parent()
        .and_then(Path::parent)
        .expect("target/<profile>/deps/<test>");
    let path = folder.join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test`, which builds what the tests start",
        path.display()
    );
    path
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository")
}

/// A fresh folder of this test run.
pub(crate) fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a scratch folder");
    folder
}

/// A running function. Stopping it searches its whole log for every identifier and secret.
#[derive(Debug)]
pub(crate) struct Function {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Function {
    /// Starts the binary of `source` with exactly this environment and waits until it answers.
    pub(crate) fn start(source: &str, environment: &[(&str, &str)]) -> Self {
        Self::launch(Command::new(binary(source)), source, environment)
    }

    /// Like [`Function::start`], for a function that looks names up in this hosts file before it asks
    /// anybody else. None where the system does not let it have a file of its own.
    pub(crate) fn start_with_hosts(
        source: &str,
        environment: &[(&str, &str)],
        hosts: &str,
    ) -> Option<Self> {
        let file = scratch("hosts").join("hosts");
        std::fs::write(&file, hosts).expect("a hosts file");
        let in_its_place = |then: &Path| {
            let mut command = Command::new("unshare");
            command
                .args(["--map-root-user", "--mount", "sh", "-c"])
                .arg("mount --bind \"$1\" /etc/hosts && exec \"$2\"")
                .args(["sh".as_ref(), file.as_os_str(), then.as_os_str()]);
            command
        };
        let trial = in_its_place(Path::new("true")).output().ok()?;
        trial
            .status
            .success()
            .then(|| Self::launch(in_its_place(&binary(source)), source, environment))
    }

    /// Like [`Function::start`], started by this command.
    pub(crate) fn launch(mut command: Command, source: &str, environment: &[(&str, &str)]) -> Self {
        let port = free_port();
        let folder = scratch(source);
        let log = folder.join("function.log");
        let output = File::create(&log).expect("a log file");
        let child = command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("PORT", port.to_string())
            .envs(environment.iter().copied())
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("the function starts");
        let mut function = Self {
            child,
            address: (Ipv4Addr::LOCALHOST, port).into(),
            log,
        };
        function.wait_until_it_listens();
        function
    }

    fn wait_until_it_listens(&mut self) {
        let start = Instant::now();
        while std::net::TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait().expect("the process can be asked") {
                panic!("the function ended with {status}; its log:\n{}", self.log());
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "no answer; log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it wrote so far, on both streams.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Adds a line to its log, for the proof that the log is searched.
    pub(crate) fn plant(&self, line: &str) {
        let mut log = std::fs::OpenOptions::new()
            .append(true)
            .open(&self.log)
            .expect("the log");
        log.write_all(line.as_bytes()).expect("it is written");
    }

    /// Sends SIGTERM and waits for the end; gives the exit code.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        let _ = Command::new("kill").arg(self.pid().to_string()).status();
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be asked") {
                return status.code();
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "it does not end on SIGTERM"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let found = identifiers::found_in(&self.log());
        if found.is_empty() {
            return;
        }
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "{}", self.log());
        } else {
            panic!(
                "the log of {} holds {found:?}:\n{}",
                self.log.display(),
                self.log()
            );
        }
    }
}

/// A port that nothing listens on at the moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|l| l.local_addr())
        .map(|a| a.port())
        .expect("a free port")
}
