//! One SMPP 3.4 session over a connection: sequence numbers, which answer belongs to which request, `enquire_link`, and
//! what an SMSC asks by itself. The PDUs are rusmpp's.
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rusmpp::pdus::DeliverSmResp;
use rusmpp::tokio_codec::{CommandCodec, DecodeError};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::codec::Framed;

/// Why a request has no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The SMSC says no.
    Status(CommandStatus),
    /// It says nothing.
    Timeout,
    /// It says something that is no answer.
    Protocol,
    /// It is gone.
    Closed,
}

/// How long to wait.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// For an answer.
    pub answer: Duration,
    /// In silence, before the SMSC is asked whether it is still there.
    pub enquire_link: Duration,
}

/// A session; its connection ends with the last clone.
#[derive(Clone)]
pub(super) struct Session {
    requests: mpsc::Sender<Request>,
    times: Times,
}

struct Request {
    pdu: Pdu,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<(), Failure>>;

/// Section 5.1.4: 1 to 0x7FFFFFFF.
const LAST_NUMBER: u32 = 0x7FFF_FFFF;
/// What waits for a connection that is busy writing; more than that waits with its sender.
const QUEUE: usize = 64;

impl Session {
    /// Takes a connection over.
    pub fn start(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        times: Times,
    ) -> Session {
        let (requests, queue) = mpsc::channel(QUEUE);
        let connection = Connection {
            framed: Framed::new(stream, CommandCodec::new()),
            number: 0,
            waiting: BTreeMap::new(),
            times,
        };
        tokio::spawn(connection.run(queue));
        Session { requests, times }
    }

    /// Whether the connection is there, as far as anybody knows.
    pub fn is_open(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&self, pdu: impl Into<Pdu>) -> Result<(), Failure> {
        let (answer, told) = oneshot::channel();
        let pdu = pdu.into();
        let asked = async {
            let request = Request { pdu, answer };
            self.requests.send(request).await.ok()?;
            told.await.ok()
        };
        match timeout(self.times.answer, asked).await {
            Ok(told) => told.unwrap_or(Err(Failure::Closed)),
            Err(_) => Err(Failure::Timeout),
        }
    }
}

/// The task that reads and writes.
struct Connection<S> {
    framed: Framed<S, CommandCodec>,
    number: u32,
    /// By sequence number: the answer that a request is to have, and who waits for it.
    waiting: BTreeMap<u32, (CommandId, Answer)>,
    times: Times,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Until nobody wants it any more, or it fails. Who waits then is told why.
    async fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        let why = self.serve(&mut queue).await.unwrap_or(Failure::Closed);
        queue.close();
        for (_, answer) in std::mem::take(&mut self.waiting).into_values() {
            let _ = answer.send(Err(why));
        }
    }

    /// `None` when it came to its end, without a fault.
    async fn serve(&mut self, queue: &mut mpsc::Receiver<Request>) -> Option<Failure> {
        let mut quiet_until = Instant::now() + self.times.enquire_link;
        let mut enquired = false;
        loop {
            tokio::select! {
                request = queue.recv() => {
                    let Request { pdu, answer } = request?;
                    let number = self.next_number();
                    // Who has given up waiting is forgotten here.
                    self.waiting.retain(|_, (_, answer)| !answer.is_closed());
                    self.waiting.insert(number, (pdu.command_id().matching_response(), answer));
                    if let Err(failure) = self.send(number, pdu).await {
                        return Some(failure);
                    }
                }
                command = self.framed.next() => {
                    match command {
                        Some(Ok(command)) => {
                            quiet_until = Instant::now() + self.times.enquire_link;
                            enquired = false;
                            match self.hear(&command).await {
                                Ok(true) => {}
                                Ok(false) => return None,
                                Err(failure) => return Some(failure),
                            }
                        }
                        Some(Err(DecodeError::Io(_))) => return Some(Failure::Closed),
                        Some(Err(_)) => return Some(Failure::Protocol),
                        None => return None,
                    }
                }
                () = sleep_until(quiet_until) => {
                    if enquired {
                        return Some(Failure::Timeout);
                    }
                    let number = self.next_number();
                    if let Err(failure) = self.send(number, Pdu::EnquireLink).await {
                        return Some(failure);
                    }
                    quiet_until = Instant::now() + self.times.answer;
                    enquired = true;
                }
            }
        }
    }

    /// What the SMSC says; `false` when it ends the session.
    ///
    /// Receipts are not asked for, but some SMSCs send them all the same, and repeat them until they are answered.
    async fn hear(&mut self, command: &Command) -> Result<bool, Failure> {
        let number = command.sequence_number();
        match command.id() {
            CommandId::EnquireLink => self.send(number, Pdu::EnquireLinkResp).await?,
            CommandId::DeliverSm => self.send(number, DeliverSmResp::default()).await?,
            CommandId::Unbind => {
                self.send(number, Pdu::UnbindResp).await?;
                return Ok(false);
            }
            // One that nobody waits for any more, or that never was asked for, is nobody's.
            id if id.is_response() => {
                if let Some((expected, answer)) = self.waiting.remove(&number) {
                    let _ = answer.send(match command.status() {
                        CommandStatus::EsmeRok if id == expected => Ok(()),
                        CommandStatus::EsmeRok => Err(Failure::Protocol),
                        status => Err(Failure::Status(status)),
                    });
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// A connection that takes nothing any more is as good as closed.
    async fn send(&mut self, number: u32, pdu: impl Into<Pdu>) -> Result<(), Failure> {
        let command = Command::new(CommandStatus::EsmeRok, number, pdu);
        match timeout(self.times.answer, self.framed.send(command)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Failure::Closed),
            Err(_) => Err(Failure::Timeout),
        }
    }

    fn next_number(&mut self) -> u32 {
        self.number = self.number % LAST_NUMBER + 1;
        self.number
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const TIMES: Times = Times {
        answer: Duration::from_secs(10),
        enquire_link: Duration::from_secs(30),
    };

    fn pair() -> (Session, DuplexStream) {
        let (ours, theirs) = duplex(4_096);
        (Session::start(ours, TIMES), theirs)
    }

    /// The next PDU without a body: what it is, and its number.
    async fn heard(smsc: &mut DuplexStream) -> (CommandId, u32) {
        let mut head = [0; 16];
        smsc.read_exact(&mut head).await.unwrap();
        let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
        assert_eq!(word(0), 16, "it has no body");
        (word(4).into(), word(12))
    }

    async fn say(smsc: &mut DuplexStream, id: CommandId, number: u32) {
        let words = [16, u32::from(id), 0, number];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        smsc.write_all(&bytes).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_smsc_that_is_silent_is_asked_and_then_given_up() {
        let (session, mut smsc) = pair();
        let begin = Instant::now();
        for number in 1..=2 {
            assert_eq!(heard(&mut smsc).await, (CommandId::EnquireLink, number));
            assert_eq!(begin.elapsed(), number * TIMES.enquire_link);
            say(&mut smsc, CommandId::EnquireLinkResp, number).await;
        }
        assert_eq!(heard(&mut smsc).await, (CommandId::EnquireLink, 3));
        assert!(session.is_open(), "it has its time to answer");
        let mut rest = Vec::new();
        smsc.read_to_end(&mut rest).await.unwrap();
        assert_eq!(
            begin.elapsed(),
            3 * TIMES.enquire_link + TIMES.answer,
            "and then it is hung up on"
        );
        assert!(!session.is_open());
        assert_eq!(session.ask(Pdu::EnquireLink).await, Err(Failure::Closed));
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_smsc_asks_is_answered_with_its_number() {
        let (_session, mut smsc) = pair();
        say(&mut smsc, CommandId::EnquireLink, 77).await;
        assert_eq!(heard(&mut smsc).await, (CommandId::EnquireLinkResp, 77));
        say(&mut smsc, CommandId::Unbind, 78).await;
        assert_eq!(heard(&mut smsc).await, (CommandId::UnbindResp, 78));
        assert_eq!(smsc.read(&mut [0]).await.unwrap(), 0, "and it is the end");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_find_their_requests_in_any_order() {
        let (session, mut smsc) = pair();
        let other = session.clone();
        let first = tokio::spawn(async move { session.ask(Pdu::EnquireLink).await });
        assert_eq!(heard(&mut smsc).await.1, 1);
        let second = tokio::spawn(async move { other.ask(Pdu::Unbind).await });
        assert_eq!(heard(&mut smsc).await, (CommandId::Unbind, 2));
        say(&mut smsc, CommandId::UnbindResp, 2).await;
        assert_eq!(second.await.unwrap(), Ok(()));
        say(&mut smsc, CommandId::UnbindResp, 1).await;
        assert_eq!(
            first.await.unwrap(),
            Err(Failure::Protocol),
            "the answer to another question is none"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_an_answer_ends_and_a_late_answer_is_nobodys() {
        let (session, mut smsc) = pair();
        assert_eq!(session.ask(Pdu::EnquireLink).await, Err(Failure::Timeout));
        assert_eq!(heard(&mut smsc).await.1, 1);
        say(&mut smsc, CommandId::EnquireLinkResp, 1).await;
        let again = tokio::spawn(async move { session.ask(Pdu::EnquireLink).await });
        assert_eq!(heard(&mut smsc).await.1, 2);
        say(&mut smsc, CommandId::EnquireLinkResp, 2).await;
        assert_eq!(again.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn sequence_numbers_begin_again_at_one() {
        let (ours, _theirs) = duplex(64);
        let mut connection = Connection {
            framed: Framed::new(ours, CommandCodec::new()),
            number: LAST_NUMBER - 1,
            waiting: BTreeMap::new(),
            times: TIMES,
        };
        assert_eq!(connection.next_number(), LAST_NUMBER);
        assert_eq!(connection.next_number(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_nobody_holds_hangs_up() {
        let (session, mut smsc) = pair();
        drop(session);
        assert_eq!(smsc.read(&mut [0]).await.unwrap(), 0);
    }
}
