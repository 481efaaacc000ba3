use super::*;
use hushgate_gateway::ports::objects::{read_whole, whole_body};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("hushgate-objects-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn objects(&self) -> FolderObjects {
        FolderObjects::open(&self.0).unwrap()
    }

    /// Everything that is in the folder for other things.
    fn own(&self) -> usize {
        std::fs::read_dir(self.0.join(OWN)).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn does_what_every_store_must() {
    let folder = Folder::new("suite");
    testing::check(Arc::new(folder.objects())).await;
    assert_eq!(folder.own(), 0, "nothing is left behind");
    let left: Vec<_> = std::fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn files_that_others_put_there_are_objects() {
    let folder = Folder::new("foreign");
    let objects = folder.objects();
    std::fs::create_dir(folder.0.join("in")).unwrap();
    std::fs::write(folder.0.join("in/a.csv"), "a,b\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.0.join("in/link")).unwrap();
    let page = objects.list("", None).await.unwrap();
    assert_eq!(page.objects.len(), 1, "{page:?}");
    let whole = read_whole(&objects, "in/a.csv", 100).await.unwrap();
    assert_eq!(whole.as_deref(), Some(&b"a,b\n"[..]));
    assert!(objects.read("in/link").await.unwrap().is_none());
    assert!(objects.read("in").await.unwrap().is_none());
}

#[tokio::test]
async fn an_object_that_is_written_into_while_it_is_read_gives_an_error() {
    let folder = Folder::new("changed");
    let objects = folder.objects();
    std::fs::write(folder.0.join("a"), vec![b'x'; PIECE * 2]).unwrap();
    let mut object = objects.read("a").await.unwrap().unwrap();
    assert!(object.body.try_next().await.unwrap().is_some());
    let mut file = OpenOptions::new()
        .append(true)
        .open(folder.0.join("a"))
        .unwrap();
    file.write_all(b"more").unwrap();
    let end = loop {
        match object.body.try_next().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert_eq!(end.unwrap_err().code(), "object-changed");
}

#[tokio::test]
async fn an_object_that_is_replaced_while_it_is_read_stays_the_old_one() {
    let folder = Folder::new("replaced");
    let objects = folder.objects();
    let head = Head::default();
    for byte in [b'1', b'2'] {
        let before = objects.read("a").await.unwrap();
        let body = whole_body(vec![byte; PIECE * 3]);
        objects.write("a", &head, Put::Replace, body).await.unwrap();
        let Some(before) = before else { continue };
        let pieces: Vec<Bytes> = before.body.try_collect().await.unwrap();
        assert!(pieces.concat().iter().all(|b| *b == b'1'));
    }
    assert_eq!(folder.own(), 1, "the head of the replaced one is gone");
}

#[tokio::test]
async fn says_what_is_wrong_with_the_folder() {
    let error = FolderObjects::open(Path::new("/no/such/folder")).unwrap_err();
    assert_eq!(error.code(), "objects-no-bucket");
    let folder = Folder::new("keys");
    let objects = folder.objects();
    let head = Head::default();
    let write = |key: &'static str| objects.write(key, &head, Put::Replace, whole_body("x"));
    write("a/b").await.unwrap();
    for key in ["a", "a/b/c", ".hushgate/x"] {
        let error = write(key).await.unwrap_err();
        assert_eq!(error.code(), "object-key-invalid", "{key}: {error}");
    }
    assert_eq!(folder.own(), 1, "refused bodies are taken away");
}
