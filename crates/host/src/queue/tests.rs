use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("hushgate-queue-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn queue(&self) -> FolderQueue {
        FolderQueue::open(&self.0).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn message(body: &str) -> Message {
    Message {
        body: body.to_owned(),
        ..Message::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn does_what_every_queue_must() {
    let folder = Folder::new("suite");
    testing::check(Arc::new(folder.queue())).await;
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[tokio::test]
async fn a_message_whose_receiver_died_comes_again_and_the_late_one_takes_nothing_away() {
    let folder = Folder::new("dead");
    let queue = folder.queue();
    queue.send(vec![message("a")]).await.unwrap();
    let none = Duration::ZERO;
    let first = queue.take(1, none).unwrap();
    let second = queue.take(1, Duration::from_mins(1)).unwrap();
    assert_eq!((first[0].attempt, second[0].attempt), (1, 2));
    queue.done(&first[0].receipt).await.unwrap();
    queue.hold(&first[0].receipt, none).await.unwrap();
    assert!(queue.receive(1, none, none).await.unwrap().is_empty());
    assert_eq!(queue.names().unwrap().len(), 1, "it stays the second one's");
    queue.done(&second[0].receipt).await.unwrap();
    assert!(queue.names().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_message_is_put_aside_and_stops_nothing() {
    let folder = Folder::new("broken");
    let queue = folder.queue();
    std::fs::write(folder.0.join("README"), "x").unwrap();
    std::fs::write(
        folder.0.join(format!("{:015}.{}.0", 1, "0".repeat(32))),
        "{",
    )
    .unwrap();
    queue.send(vec![message("a")]).await.unwrap();
    let received = queue.take(10, Duration::from_mins(1)).unwrap();
    assert_eq!(received.len(), 1);
    assert!(folder.0.join(format!("{}.broken", "0".repeat(32))).exists());
}

#[test]
fn says_when_there_is_no_queue() {
    let error = FolderQueue::open(Path::new("/no/such/folder")).unwrap_err();
    assert_eq!(error.code(), "queue-missing");
    let folder = Folder::new("gone");
    let queue = folder.queue();
    std::fs::remove_dir(&folder.0).unwrap();
    assert_eq!(queue.names().unwrap_err().code(), "queue-missing");
    assert_eq!(
        queue.send_all(&[message("a")]).unwrap_err().code(),
        "queue-missing"
    );
}
