//! How many people come how far: counted for Prometheus and, by day, for the operator's page. Never who.
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use couchkey_platform::{ChallengeError, StoreError};

use super::{App, records::random_text};

/// What this instance has counted, by day and name.
pub struct Figures {
    /// Our own name among the instances that share the store.
    instance: String,
    days: Mutex<BTreeMap<u64, BTreeMap<String, u64>>>,
}

impl Default for Figures {
    fn default() -> Self {
        Figures {
            instance: random_text()[..8].to_owned(),
            days: Mutex::default(),
        }
    }
}

/// Figures of all instances, by day (since 1970) and name.
pub type Days = BTreeMap<u64, BTreeMap<String, u64>>;

impl App {
    /// Counts one step of somebody, under a name without a person in it: `signup_started.email`.
    pub fn count(&self, name: &str) {
        let day = self.platform.now().as_secs() / 86_400;
        let mut days = self
            .figures
            .days
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *days
            .entry(day)
            .or_default()
            .entry(name.to_owned())
            .or_default() += 1;
    }

    /// Counts a message that was not sent and that the operator has to know of.
    pub fn count_refusal(&self, error: ChallengeError) {
        match error {
            ChallengeError::SmsPaused => self.count("refused.sms_paused"),
            ChallengeError::SmsBudgetSpent => self.count("refused.sms_budget"),
            ChallengeError::MailBudgetSpent => self.count("refused.mail_budget"),
            _ => {}
        }
    }

    /// Writes what was counted here into the store, where every instance's operator page finds it.
    pub async fn keep_figures(&self) -> Result<(), StoreError> {
        let today = self.platform.now().as_secs() / 86_400;
        let days: Vec<(u64, Vec<(String, u64)>)> = {
            let days = self
                .figures
                .days
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            days.iter()
                .map(|(day, names)| {
                    (
                        *day,
                        names
                            .iter()
                            .map(|(name, count)| (name.clone(), *count))
                            .collect(),
                    )
                })
                .collect()
        };
        for (day, figures) in days {
            self.records
                .put_figures(day, &self.figures.instance, &figures)
                .await?;
        }
        // A day that is over and kept is counted no more.
        let mut days = self
            .figures
            .days
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        days.retain(|day, _| *day + 1 >= today);
        Ok(())
    }

    /// The figures of all instances.
    pub async fn figures_by_day(&self) -> Result<Days, StoreError> {
        self.keep_figures().await?;
        let mut days = Days::new();
        for (day, name, count) in self.records.figures().await? {
            *days.entry(day).or_default().entry(name).or_default() += count;
        }
        Ok(days)
    }
}
