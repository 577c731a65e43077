//! Set-up links from outside the window: they wait here until the person looks at them. No screen is left for one.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use zeroize::Zeroizing;

/// At most this many wait: a web page may open links by the hundred.
const MOST: usize = 5;

/// What the page is told about links that wait. What they say stays here until it is asked for.
#[derive(Debug, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub struct LinksView {
    /// How many wait.
    pub waiting: u32,
    /// How many came and were not kept, because as many waited as are kept.
    pub left_out: u32,
    /// The program was started with them: nobody has asked before.
    pub at_start: bool,
}

/// The links that wait.
#[derive(Default)]
pub struct Links(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    links: VecDeque<Zeroizing<String>>,
    left_out: u32,
    asked: bool,
}

impl Links {
    /// Takes a link in. One that waits already is the same press on the same button.
    pub fn push(&self, link: Zeroizing<String>) {
        let mut waiting = self.held();
        if waiting.links.contains(&link) {
            return;
        }
        if waiting.links.len() < MOST {
            waiting.links.push_back(link);
        } else {
            waiting.left_out = waiting.left_out.saturating_add(1);
        }
    }

    /// The link that came first, which waits no longer.
    pub fn next(&self) -> Option<Zeroizing<String>> {
        let mut waiting = self.held();
        let link = waiting.links.pop_front();
        if waiting.links.is_empty() {
            waiting.left_out = 0;
        }
        link
    }

    /// How many wait.
    pub fn view(&self) -> LinksView {
        let mut waiting = self.held();
        let asked = std::mem::replace(&mut waiting.asked, true);
        LinksView {
            waiting: u32::try_from(waiting.links.len()).unwrap_or(u32::MAX),
            left_out: waiting.left_out,
            at_start: !asked && !waiting.links.is_empty(),
        }
    }

    /// Wipes them all.
    pub fn forget(&self) {
        let mut waiting = self.held();
        waiting.links.clear();
        waiting.left_out = 0;
    }

    fn held(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(n: usize) -> Zeroizing<String> {
        Zeroizing::new(format!("otpauth://totp/{n}?secret=JBSWY3DPEHPK3PXP"))
    }

    fn view(waiting: u32, left_out: u32) -> LinksView {
        LinksView {
            waiting,
            left_out,
            at_start: false,
        }
    }

    #[test]
    fn links_wait_in_the_order_in_which_they_came_and_each_once() {
        let links = Links::default();
        assert_eq!(links.view(), view(0, 0), "none");
        for n in [1, 2, 1] {
            links.push(link(n));
        }
        assert_eq!(links.view(), view(2, 0), "a press too many is no link more");
        assert_eq!(links.next(), Some(link(1)));
        assert_eq!(links.next(), Some(link(2)));
        assert_eq!(links.next(), None, "all looked at");
    }

    #[test]
    fn only_so_many_are_kept_and_those_that_are_not_are_counted() {
        let links = Links::default();
        links.view();
        for n in 0..100 {
            links.push(link(n));
        }
        assert_eq!(links.view(), view(5, 95), "bounded, and said");
        for n in 0..5 {
            assert_eq!(links.view().left_out, 95, "said as long as one waits");
            assert_eq!(links.next(), Some(link(n)), "the first ones are kept");
        }
        assert_eq!(links.view(), view(0, 0), "and then it is over");
    }

    #[test]
    fn only_the_first_question_finds_what_the_program_was_started_with() {
        let links = Links::default();
        links.push(link(1));
        assert!(links.view().at_start, "nothing was on the screen yet");
        assert!(!links.view().at_start, "now something is");
        let links = Links::default();
        links.view();
        links.push(link(1));
        assert!(!links.view().at_start, "it came while something was");
    }

    #[test]
    fn forgotten_is_forgotten() {
        let links = Links::default();
        links.view();
        for n in 0..10 {
            links.push(link(n));
        }
        links.forget();
        assert_eq!(links.view(), view(0, 0), "and nothing is left to say");
        assert_eq!(links.next(), None);
    }
}
