//! Emulators of Google's services, as processes that end with the tests.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

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

/// drongo, for Secret Manager.
pub(crate) fn drongo() -> Option<&'static Emulator> {
    static SHARED: OnceLock<Option<Emulator>> = OnceLock::new();
    let start = || {
        let python = python("drongo")?;
        let run = "from drongo.cli import main; main()";
        let arguments = |port: u16| {
            let port = port.to_string();
            [
                python.to_str()?,
                "-c",
                run,
                "server",
                "--host",
                "127.0.0.1",
                "--port",
                &port,
            ]
            .map(str::to_owned)
            .to_vec()
            .into()
        };
        Emulator::start(&python, arguments)
    };
    SHARED.get_or_init(start).as_ref()
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

impl Emulator {
    fn start(python: &Path, arguments: impl Fn(u16) -> Option<Vec<String>>) -> Option<Self> {
        let guard = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/google/guard.py");
        let port = free_port();
        let process = Command::new(python)
            .arg(guard)
            .args(arguments(port)?)
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
        Some(Self {
            url: format!("http://{address}"),
            _process: Mutex::new(process),
        })
    }
}

/// A port that nothing listens on at the moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}
