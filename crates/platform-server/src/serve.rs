//! Connections: how many there may be, how long they may take to say what they want, and how they end when the server stops.
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::ConnectInfo};
use hyper::{
    Request,
    body::{Body, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::config::Server;

/// What holds for connections.
#[derive(Clone)]
struct Rules {
    connections: usize,
    /// How long a client may take for a request's head, and may be silent between two requests.
    head: Duration,
    /// Those who speak for many.
    proxies: Vec<crate::config::Proxies>,
}

/// Serves until it is told to stop, then lets answers that are under way go out. What was not said to its end by then is given up:
/// nothing has been done about it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: &Server,
    mut stopping: watch::Receiver<bool>,
) {
    let rules = Rules {
        connections: settings.connections,
        head: Duration::from_secs(settings.head_seconds),
        proxies: settings.trusted_proxies.clone(),
    };
    let open = Arc::new(Open::default());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, say: they are fewer in a moment.
                tracing::warn!(error = %error.kind(), "a connection was not taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        match open.enter(peer.ip(), &rules) {
            Some(place) => {
                let (router, rules, stopping) = (router.clone(), rules.clone(), stopping.clone());
                connections.spawn(async move {
                    one(stream, peer, router, &rules, stopping).await;
                    drop(place);
                });
            }
            // One too many is told at once, by the end of its connection.
            None => metrics::counter!("connections_refused_total").increment(1),
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn one(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    rules: &Rules,
    mut stopping: watch::Receiver<bool>,
) {
    let answering = Arc::new(AtomicBool::new(false));
    let service = TowerToHyperService::new(router);
    let flag = answering.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let flag = flag.clone();
        flag.store(request.body().is_end_stream(), Ordering::SeqCst);
        let mut request = request.map(|body| Said {
            body,
            all: flag.clone(),
        });
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = service.call(request);
        async move {
            let answer = answer.await;
            flag.store(false, Ordering::SeqCst);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(rules.head)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    if answering.load(Ordering::SeqCst) {
        let _ = connection.await;
    } else {
        // An answer may still be on its way out of the last request.
        let _ = tokio::time::timeout(FLUSH, connection).await;
    }
}

/// How long what is written already gets to leave.
const FLUSH: Duration = Duration::from_millis(250);

/// A body, and whether all of it has come: only then has anything been done about its request.
struct Said {
    body: Incoming,
    all: Arc<AtomicBool>,
}

impl Body for Said {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.all.store(true, Ordering::SeqCst);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The connections that there are, by who is at the other end.
#[derive(Default)]
struct Open(Mutex<HashMap<IpAddr, usize>>);

impl Open {
    /// A place for one more, unless there are too many: in all, or of one address, which may have half of them.
    fn enter(self: &Arc<Self>, peer: IpAddr, rules: &Rules) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let theirs = open.get(&peer).copied().unwrap_or(0);
        let proxy = rules
            .proxies
            .iter()
            .any(|one| one.contain(&peer.to_canonical()));
        if all >= rules.connections || (!proxy && theirs >= rules.connections.div_ceil(2)) {
            return None;
        }
        *open.entry(peer).or_default() += 1;
        Some(Place {
            open: self.clone(),
            peer,
        })
    }
}

/// One of them; free again when it is dropped.
struct Place {
    open: Arc<Open>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
}
