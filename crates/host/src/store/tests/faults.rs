//! A file of secrets that is taken away, damaged or closed while functions use it.

use hushgate_gateway::ports::PortFuture;

use super::disk_faults::{
    Exchanged, Instead, as_nobody, check_little_room, is_root, with_little_room,
};
use super::remote::Ages;
use super::testing::faults::{Faults, Hits, Instance, Kind, Met, Tells, World, check_faults};
use super::*;

/// A file in a folder of its own, and what was done to it.
struct File {
    scratch: Scratch,
    exchanged: Exchanged,
    is_json: bool,
}

/// What can be done to it.
#[derive(Debug, Clone, Copy)]
enum Fault {
    File(Instead),
    Folder(Instead),
    /// Something stands where the file is written anew.
    NoRoom,
}

impl File {
    fn new(form: &str, text: &str) -> Self {
        Self {
            scratch: Scratch::new(&format!("faults-{form}"), text, 0o600),
            exchanged: Exchanged::default(),
            is_json: form == "json",
        }
    }

    fn folder(&self) -> &std::path::Path {
        self.scratch.0.parent().unwrap()
    }
}

fn met(fault: Fault, says: &'static str) -> Met<Fault> {
    Met {
        fault,
        hits: Hits::All,
        tells: Tells::Unavailable,
        says,
    }
}

fn written(fault: Fault, says: &'static str) -> Met<Fault> {
    Met {
        hits: Hits::Writes,
        ..met(fault, says)
    }
}

impl World for File {
    type Fault = Fault;

    fn open(&self, _: Ages) -> Instance {
        Arc::new(FileStore::open(&self.scratch.0).unwrap())
    }

    fn faults(&self) -> Faults<Fault> {
        use Fault::{File, Folder, NoRoom};
        let mut damage = vec![
            met(File(Instead::NoByte), "it is empty"),
            met(File(Instead::OtherBytes), "store-malformed"),
            met(File(Instead::TooManyBytes), "store-too-large"),
        ];
        // A file of lines that was cut between two of them is a file of fewer lines.
        if self.is_json {
            damage.push(met(File(Instead::Half), "store-malformed"));
        }
        Faults {
            outage: Kind::Met(vec![
                met(File(Instead::Nothing), "not found"),
                met(File(Instead::ALinkToNowhere), "not found"),
                met(File(Instead::AnEmptyFolder), "is not a regular file"),
                met(Folder(Instead::Nothing), "not found"),
                met(Folder(Instead::AFile), "not a directory"),
                met(Folder(Instead::AnEmptyFolder), "not found"),
                written(NoRoom, "can't be written"),
            ]),
            throttling: Kind::Never("a file system takes every call"),
            // Told as a failure that may pass: told as a lasting one, an instance would go by itself, and
            // use up a refresh token whose successor it can't write.
            denial: if is_root() {
                Kind::Never("root is denied nothing; the test runs again as somebody else")
            } else {
                Kind::Met(vec![
                    met(File(Instead::Closed(0o000)), "permission denied"),
                    met(Folder(Instead::Closed(0o000)), "permission denied"),
                    written(Folder(Instead::Closed(0o500)), "permission denied"),
                ])
            },
            damage: Kind::Met(damage),
            lost_answers: Kind::Never("a call ends with its outcome, or with its process"),
            late_reads: Kind::Never("a file that was replaced is read as it is"),
        }
    }

    fn begin(&self, fault: Fault) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let file = &self.scratch.0;
            let (place, instead) = match fault {
                Fault::File(instead) => (file.clone(), instead),
                Fault::Folder(instead) => (self.folder().to_owned(), instead),
                Fault::NoRoom => (self.folder().join(".secrets.new"), Instead::AnEmptyFolder),
            };
            self.exchanged.exchange(&place, file, instead);
        })
    }

    fn end(&self) -> PortFuture<'_, ()> {
        Box::pin(async { self.exchanged.restore() })
    }

    fn names(&self, _: &str) -> Vec<String> {
        vec!["the secrets file".to_owned()]
    }

    fn remembers(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_does_under_faults_what_every_store_does() {
    for (form, text) in [("json", "{}"), ("lines", "")] {
        check_faults(&File::new(form, text)).await;
    }
    if is_root() {
        as_nobody("store::tests::faults::a_file_does_under_faults_what_every_store_does");
    }
}

#[tokio::test]
#[ignore = "started by another test"]
async fn file_with_little_room() {
    for (form, text) in [("json", "{}"), ("lines", "")] {
        let scratch = Scratch::new(&format!("room-{form}"), text, 0o600);
        let store = FileStore::open(&scratch.0).unwrap();
        check_little_room(&store, scratch.0.parent().unwrap()).await;
    }
}

#[test]
fn a_write_that_does_not_fit_on_the_disk_leaves_the_old_value() {
    with_little_room("store::tests::faults::file_with_little_room");
}
