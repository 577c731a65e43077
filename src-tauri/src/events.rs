//! Long poll: the page asks for events, and the command is answered when there are some.
//! docs/decisions/0208 says why this is not done by Tauri's events.

use serde::Serialize;
use tokio::sync::watch;

/// Something happened that the page should know of; the name is all there is to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum RustEvent {
    /// The vault was locked.
    Locked,
    /// The codes may have changed: ask again.
    Changed,
    /// A set-up link came from outside, and waits.
    Link,
    /// The keyring does not answer; most often its own dialog waits for a person.
    WaitingForKeyring,
    /// An import or an export has got further: ask how far.
    Progress,
}

/// What the page hears.
#[derive(Debug, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct News {
    /// The number to ask with the next time.
    pub up_to: u32,
    /// What happened after the number that was asked with, each once, the latest last.
    pub events: Vec<RustEvent>,
}

/// Keeps what was told, so that nothing is lost between an answer and the next question.
#[derive(Default)]
pub struct Told(watch::Sender<Log>);

/// Each event once, with the number that it was told under; the latest is last.
#[derive(Default)]
struct Log {
    last: Vec<(RustEvent, u32)>,
    up_to: u32,
}

impl Told {
    /// Tells the page, whether or not it listens just now.
    pub fn tell(&self, event: RustEvent) {
        self.0.send_modify(|log| {
            log.up_to += 1;
            log.last.retain(|(other, _)| *other != event);
            log.last.push((event, log.up_to));
        });
    }

    /// Waits until there is something after this number; without one, from now on.
    pub async fn after(&self, number: Option<u32>) -> News {
        let mut told = self.0.subscribe();
        let number = number.unwrap_or_else(|| told.borrow().up_to);
        let answer = told.wait_for(|log| log.up_to > number).await;
        answer.map_or(
            News {
                up_to: number,
                events: Vec::new(),
            }, // who tells lives as long as who asks, so this is never seen
            |log| News {
                up_to: log.up_to,
                events: log
                    .last
                    .iter()
                    .filter(|(_, at)| *at > number)
                    .map(|(event, _)| *event)
                    .collect(),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What there is to hear without waiting.
    fn now(told: &Told, number: Option<u32>) -> Option<News> {
        let mut heard = pin!(told.after(number));
        match heard.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(news) => Some(news),
            Poll::Pending => None,
        }
    }

    #[test]
    fn whoever_waits_hears_of_it_and_nobody_hears_it_twice() {
        let told = Told::default();
        told.tell(RustEvent::Link);
        let mut waiting = pin!(told.after(None));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(
            waiting.as_mut().poll(context).is_pending(),
            "what was before is over"
        );
        told.tell(RustEvent::Locked);
        let news = News {
            up_to: 2,
            events: vec![RustEvent::Locked],
        };
        assert_eq!(waiting.as_mut().poll(context), Poll::Ready(news));
        assert_eq!(now(&told, Some(2)), None, "heard already");
    }

    #[test]
    fn what_happens_between_two_questions_is_in_the_next_answer_once_and_in_order() {
        let told = Told::default();
        for event in [
            RustEvent::Changed,
            RustEvent::Progress,
            RustEvent::Locked,
            RustEvent::Changed,
        ] {
            told.tell(event);
        }
        let news = now(&told, Some(1)).expect("there is something");
        assert_eq!(news.up_to, 4);
        assert_eq!(
            news.events,
            [RustEvent::Progress, RustEvent::Locked, RustEvent::Changed]
        );
        assert_eq!(
            now(&told, Some(99)),
            None,
            "a number from nowhere waits, and breaks nothing"
        );
    }
}
