//! A vault whose folder or files are taken away, damaged or closed while functions use it.

use hushgate_gateway::ports::PortFuture;

use super::super::super::remote::Ages;
use super::super::super::testing::faults::{
    Faults, Hits, ID, Instance, Kind, Met, Tells, World, check_faults,
};
use super::super::super::tests::disk_faults::{
    Exchanged, Instead, as_nobody, check_little_room, is_root, with_little_room,
};
use super::*;

/// A vault, and what was done to it.
struct Folder {
    scratch: Scratch,
    key: Key,
    exchanged: Exchanged,
}

/// What can be done to it.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Folder(Instead),
    /// The file of the connection.
    Compartment(Instead),
    Header(Instead),
    /// Something stands where the connection's file is written anew.
    NoRoom,
}

impl Folder {
    fn new() -> Self {
        let scratch = Scratch::new("faults");
        let key = Key::random().unwrap();
        Vault::create(&scratch.0, Lock::keyring().unwrap(), &key).unwrap();
        Self {
            scratch,
            key,
            exchanged: Exchanged::default(),
        }
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

impl World for Folder {
    type Fault = Fault;

    fn open(&self, _: Ages) -> Instance {
        Arc::new(Vault::open(&self.scratch.0, &self.key).unwrap())
    }

    fn faults(&self) -> Faults<Fault> {
        use Fault::{Compartment, Folder, Header, NoRoom};
        Faults {
            outage: Kind::Met(vec![
                met(Folder(Instead::Nothing), "not found"),
                met(Folder(Instead::AFile), "is not a folder"),
                met(Folder(Instead::ALinkToNowhere), "not found"),
                // As the place of a volume that is not there.
                met(Folder(Instead::AnEmptyFolder), "vault-missing"),
                met(Compartment(Instead::AnEmptyFolder), "is not a regular file"),
                met(Compartment(Instead::ALinkToNowhere), "can't be read"),
                written(Header(Instead::Nothing), "vault-missing"),
                written(Header(Instead::ALinkToNowhere), "vault-missing"),
                written(NoRoom, "can't be written"),
            ]),
            throttling: Kind::Never("a file system takes every call"),
            // Told as a failure that may pass, as those of a file are.
            denial: if is_root() {
                Kind::Never("root is denied nothing; the test runs again as somebody else")
            } else {
                Kind::Met(vec![
                    met(Compartment(Instead::Closed(0o000)), "permission denied"),
                    met(Folder(Instead::Closed(0o000)), "permission denied"),
                    written(Folder(Instead::Closed(0o500)), "permission denied"),
                    written(Header(Instead::Closed(0o000)), "permission denied"),
                ])
            },
            damage: Kind::Met(vec![
                met(Compartment(Instead::Half), "vault-damaged"),
                met(Compartment(Instead::NoByte), "vault-damaged"),
                met(Compartment(Instead::OtherBytes), "vault-damaged"),
                met(Compartment(Instead::TooManyBytes), "store-too-large"),
            ]),
            lost_answers: Kind::Never("a call ends with its outcome, or with its process"),
            late_reads: Kind::Never("a file that was replaced is read as it is"),
        }
    }

    fn begin(&self, fault: Fault) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let folder = &self.scratch.0;
            let file = format!("connection-{ID}.sealed");
            let (place, instead) = match fault {
                Fault::Folder(instead) => (folder.clone(), instead),
                Fault::Compartment(instead) => (folder.join(file), instead),
                Fault::Header(instead) => (folder.join(HEADER), instead),
                Fault::NoRoom => (folder.join(format!(".{file}.new")), Instead::AnEmptyFolder),
            };
            self.exchanged
                .exchange(&place, &folder.join(HEADER), instead);
        })
    }

    fn end(&self) -> PortFuture<'_, ()> {
        Box::pin(async { self.exchanged.restore() })
    }

    fn names(&self, _: &str) -> Vec<String> {
        vec![
            format!("the file `connection-{ID}.sealed`"),
            "the file `vault`".to_owned(),
            "the vault's folder".to_owned(),
            "no vault in the folder".to_owned(),
        ]
    }

    fn remembers(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn does_under_faults_what_every_store_does() {
    check_faults(&Folder::new()).await;
    if is_root() {
        as_nobody("store::vault::tests::faults::does_under_faults_what_every_store_does");
    }
}

#[tokio::test]
#[ignore = "started by another test"]
async fn vault_with_little_room() {
    let scratch = Scratch::new("room");
    let key = Key::random().unwrap();
    let vault = Vault::create(&scratch.0, Lock::keyring().unwrap(), &key).unwrap();
    check_little_room(&vault, &scratch.0).await;
}

#[test]
fn a_write_that_does_not_fit_on_the_disk_leaves_the_old_value() {
    with_little_room("store::vault::tests::faults::vault_with_little_room");
}
