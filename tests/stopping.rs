//! The signal to stop, at the wrong moment.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::World;
use crate::support::function::{binary, scratch};
use crate::support::skipped;
use crate::support::world::KEY;

fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.expect("kill (1)").success());
}

fn ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the system takes it");
    let request = b"GET /v2/users HTTP/1.1\r\nhost: x\r\nx-hushgate-health-check: 1\r\n\r\n";
    stream.write_all(request).expect("it is sent");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_waited_in_the_system_are_answered_after_the_signal() {
    let mut world = World::start().await;
    let (address, pid) = (world.function.address(), world.function.pid());
    signal("STOP", pid);
    let waiting: Vec<_> = (0..40).map(|_| ask(address)).collect();
    signal("TERM", pid);
    signal("CONT", pid);
    let mut told_to_go = 0;
    for mut stream in waiting {
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        assert!(read.is_ok(), "{read:?}: {answer}");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // One that is taken up before the signal is ends without a word.
        told_to_go += usize::from(answer.contains("connection: close\r\n"));
    }
    assert!(told_to_go > 0);
    assert_eq!(world.function.terminate(), Some(0));
}

/// Ends the process when the test is over.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// The exit code, once it ended in this time.
    fn ends_within(&mut self, time: Duration) -> Option<i32> {
        let started = Instant::now();
        while started.elapsed() < time {
            if let Some(status) = self.0.try_wait().expect("it can be asked") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

/// In a container a function is the first process, which no signal ends that it does not listen for.
#[test]
fn a_signal_in_the_start_ends_a_first_process() {
    let alone = ["--map-root-user", "--pid", "--fork", "--kill-child"];
    let trial = Command::new("unshare").args(alone).arg("true").output();
    if !trial.is_ok_and(|trial| trial.status.success()) {
        return skipped("unshare (1) makes no process namespace here");
    }
    // Reading the policy lasts until it is written.
    let policy = scratch("stopping").join("policy");
    let made = Command::new("mkfifo").arg(&policy).status();
    assert!(made.expect("mkfifo (1)").success());
    let child = Command::new("unshare")
        .args(alone)
        .arg(binary("zoom"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("PORT", "0")
        .env("PSEUDONYM_KEY", KEY)
        .env("HUSHGATE_ACCESS", &policy)
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut process = Process(child);
    let mut pipe = File::options().write(true).open(&policy).expect("it reads");
    signal("TERM", child_of(process.0.id()));
    pipe.write_all(b"clients: []\n").expect("it is written");
    drop(pipe);
    // It is read more than once, each time to an end.
    std::thread::spawn(move || {
        let pause = || std::thread::sleep(Duration::from_millis(100));
        pause();
        while std::fs::write(&policy, "clients: []\n").is_ok() {
            pause();
        }
    });
    assert_eq!(process.ends_within(Duration::from_secs(10)), Some(0));
}

fn child_of(pid: u32) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("Linux tells children");
    children.trim().parse().expect("one child")
}
