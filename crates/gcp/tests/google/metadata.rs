//! A metadata server, as far as access tokens go
//! (<https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys>).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::together::{self, Together};

const TOKEN: &str = "GET /computeMetadata/v1/instance/service-accounts/default/token";

/// How it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mood {
    /// With tokens that live so many seconds: `t1`, `t2` and so on.
    Gives(u32),
    /// With this status and a text that nobody may see.
    Says(u16),
    /// With something that is no token.
    Babbles,
    /// Not at all.
    Hangs,
}

/// A metadata server on loopback.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// What `GCE_METADATA_HOST` names.
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    mood: Mood,
    /// The mood of the first so many requests.
    first: Vec<Mood>,
    asked: usize,
    /// What each answer waits for.
    together: Option<Together>,
}

impl Metadata {
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State {
            mood,
            first: Vec::new(),
            asked: 0,
            together: None,
        }));
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                tokio::spawn(async move {
                    let _ = answer(stream, &state).await;
                });
            }
        });
        Self { address, state }
    }

    /// From now on.
    pub(crate) fn be(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// For the next requests, one each.
    pub(crate) fn be_first(&self, moods: &[Mood]) {
        self.state.lock().unwrap().first = moods.iter().rev().copied().collect();
    }

    /// Answers wait until all of these have come.
    pub(crate) fn meet(&self, all: &Together) {
        self.state.lock().unwrap().together = Some(all.clone());
    }

    /// How many tokens were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }
}

async fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.contains("\r\n\r\n") {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    let flavored = text
        .to_ascii_lowercase()
        .contains("metadata-flavor: google");
    let (mood, number, all) = {
        let mut state = state.lock().unwrap();
        state.asked += 1;
        let mood = state.first.pop().unwrap_or(state.mood);
        (mood, state.asked, state.together.clone())
    };
    if let Some(all) = all {
        together::wait(all.come("the metadata server")).await;
    }
    let (status, body) = match mood {
        _ if !flavored || !text.starts_with(TOKEN) => (403, "a message of the server".to_owned()),
        Mood::Gives(seconds) => (
            200,
            format!(
                r#"{{"access_token":"secret-t{number}","expires_in":{seconds},"token_type":"Bearer"}}"#
            ),
        ),
        Mood::Says(status) => (status, "a message of the server".to_owned()),
        Mood::Babbles => (200, "<html>a message of the server</html>".to_owned()),
        Mood::Hangs => {
            tokio::time::sleep(Duration::from_mins(5)).await;
            return Ok(());
        }
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nmetadata-flavor: Google\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
