//! A gate before a server of this machine, which can be shut.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A port that leads to a server, or at which no connection is had.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    server: u16,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Open(JoinHandle<()>),
    /// The port is kept, so that nobody else gets it, and nobody listens.
    Shut(TcpSocket),
}

impl Gate {
    /// An open gate before the server at a port of this machine.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn before(server: u16) -> Self {
        let socket = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = socket.local_addr().expect("its address");
        let state = Mutex::new(State::Open(serve(socket, server)));
        Self {
            address,
            server,
            state,
        }
    }

    /// Where it is.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends every connection, and lets nobody in.
    ///
    /// # Panics
    /// When the port can't be kept.
    pub async fn shut(&self) {
        let task = match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open(task) => task.abort_handle(),
            State::Shut(_) => return,
        };
        task.abort();
        while !task.is_finished() {
            tokio::task::yield_now().await;
        }
        let kept = State::Shut(bound(self.address));
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// Lets everybody in.
    pub fn open(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let nobody = State::Open(tokio::spawn(async {}));
        *state = match std::mem::replace(&mut *state, nobody) {
            State::Shut(socket) => State::Open(serve(socket, self.server)),
            open @ State::Open(_) => open,
        };
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Connections of before may be ending still.
    socket.set_reuseaddr(true).expect("a socket");
    socket.bind(address).expect("the port");
    socket
}

fn serve(socket: TcpSocket, server: u16) -> JoinHandle<()> {
    let listener = socket.listen(1024).expect("it listens");
    tokio::spawn(async move {
        let mut lines = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            lines.spawn(async move {
                let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    })
}
