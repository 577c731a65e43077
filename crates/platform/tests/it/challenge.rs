//! Codes by e-mail and SMS.
use couchkey_platform::{
    ChallengeAnswer, ChallengeError, ChallengeId, ChallengeRequest, Channel, Purpose, Recipient,
    RedeemError, RedeemRequest, Redeemed,
};

use crate::world::{HOME, Phone, World, enrol, id};

pub const ANA: &str = "ana@example.tv";

fn request(recipient: Recipient, purpose: Purpose) -> ChallengeRequest {
    ChallengeRequest {
        recipient,
        purpose,
        from: HOME,
        language: Some("pt".to_owned()),
    }
}

pub async fn ask(
    w: &World,
    address: &str,
    purpose: Purpose,
) -> Result<ChallengeAnswer, ChallengeError> {
    let recipient = if address.starts_with('+') {
        Recipient::phone(address)
    } else {
        Recipient::email(address)
    };
    let request = request(recipient.unwrap(), purpose);
    w.platform.challenge(&request).await
}

pub async fn redeem(
    w: &World,
    id: &ChallengeId,
    purpose: Purpose,
    code: &str,
) -> Result<Redeemed, RedeemError> {
    let request = RedeemRequest {
        id: id.clone(),
        purpose,
        code,
        from: HOME,
    };
    w.platform.redeem(&request).await
}

/// The one code that waits to be sent.
pub async fn the_code(w: &World) -> String {
    let messages = w.messages().await;
    assert_eq!(messages.len(), 1, "one message");
    messages[0].code.expose().to_owned()
}

fn another(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// Signs ana up with her address, and lets the cooldowns pass: they are the one thing that tells of a recent message,
/// whoever asked for it.
async fn signed_up(w: &World) -> couchkey_platform::PersonId {
    let answer = ask(w, ANA, Purpose::SignUp).await.unwrap();
    let code = the_code(w).await;
    let redeemed = redeem(w, &answer.id, Purpose::SignUp, &code).await;
    w.clock.advance(2 * 3_600);
    redeemed.ok().unwrap().person
}

pub async fn a_code_by_mail_signs_a_person_up_and_in(w: World) {
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    assert_eq!(answer.channel, Channel::Email);
    let messages = w.messages().await;
    assert_eq!(messages[0].recipient.address(), ANA);
    assert_eq!(messages[0].language.as_deref(), Some("pt"));
    assert_eq!(messages[0].code.expose().len(), 6);
    let code = messages[0].code.expose();
    let new = redeem(&w, &answer.id, Purpose::SignUp, code).await;
    let new = new.ok().unwrap();
    assert!(new.created && new.offer_app, "a new person without the app");
    assert!(
        matches!(
            redeem(&w, &answer.id, Purpose::SignUp, code).await,
            Err(RedeemError::Ended)
        ),
        "once"
    );
    w.clock.advance(3_600);

    // The same address in another case is the same person's, at sign-up too.
    for purpose in [Purpose::SignUp, Purpose::SignIn] {
        let answer = ask(&w, "ANA@example.TV", purpose).await.unwrap();
        let code = the_code(&w).await;
        let back = redeem(&w, &answer.id, purpose, &code).await;
        let back = back.ok().unwrap();
        assert!(back.person == new.person && !back.created, "{purpose:?}");
        w.clock.advance(3_600);
    }
    let contacts = w.platform.contacts(&new.person).await.unwrap();
    assert_eq!(contacts.len(), 1);
    assert_eq!(contacts[0].address(), ANA);
}

pub async fn somebody_unknown_is_answered_alike_and_gets_nothing(w: World) {
    signed_up(&w).await;
    for purpose in [Purpose::SignIn, Purpose::Recovery] {
        let known = ask(&w, ANA, purpose).await;
        let unknown = ask(&w, "bob@example.tv", purpose).await;
        let (known, unknown) = (known.unwrap(), unknown.unwrap());
        let anonymous = |answer: &ChallengeAnswer| ChallengeAnswer {
            id: ChallengeId::new("0"),
            ..answer.clone()
        };
        assert_eq!(anonymous(&known), anonymous(&unknown));
        assert_eq!(known.id.as_str().len(), unknown.id.as_str().len());
        let messages = w.messages().await;
        assert_eq!(messages.len(), 1, "one of the two is written to");
        assert_eq!(messages[0].recipient.address(), ANA);
        let wrong = another(messages[0].code.expose());
        for n in 0..6 {
            let known = redeem(&w, &known.id, purpose, &wrong).await.err();
            let unknown = redeem(&w, &unknown.id, purpose, &wrong).await.err();
            assert_eq!(known, unknown, "try {n}");
        }
        for id in [&known.id, &unknown.id] {
            let again = w.platform.resend(id, HOME).await;
            assert_eq!(again, Err(ChallengeError::Ended), "out of tries");
        }
        w.clock.advance(2 * 3_600);
    }
}

pub async fn five_tries_and_no_more(w: World) {
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let code = the_code(&w).await;
    for left in [4, 3, 2, 1, 0] {
        let wrong = redeem(&w, &answer.id, Purpose::SignUp, &another(&code)).await;
        assert_eq!(wrong.err(), Some(RedeemError::Wrong { tries_left: left }));
    }
    let right = redeem(&w, &answer.id, Purpose::SignUp, &code).await;
    assert_eq!(right.err(), Some(RedeemError::Ended));
}

pub async fn a_resend_repeats_the_same_code_and_keeps_the_count(w: World) {
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let messages = w.messages().await;
    let first = &messages[0];
    let wrong = another(first.code.expose());
    for _ in 0..3 {
        let refused = redeem(&w, &answer.id, Purpose::SignUp, &wrong).await;
        assert!(refused.is_err());
    }
    w.clock.advance(30);
    let again = w.platform.resend(&answer.id, HOME).await.unwrap();
    assert_eq!(again.id, answer.id);
    assert_eq!(again.expires_at, answer.expires_at, "its end stays");
    let messages = w.messages().await;
    let second = messages.iter().find(|m| m.id != first.id).unwrap();
    assert_eq!(second.code.expose(), first.code.expose());
    let refused = redeem(&w, &answer.id, Purpose::SignUp, &wrong).await;
    assert_eq!(refused.err(), Some(RedeemError::Wrong { tries_left: 1 }));
    let code = second.code.expose();
    assert!(redeem(&w, &answer.id, Purpose::SignUp, code).await.is_ok());
    w.clock.advance(300);
    let ended = w.platform.resend(&answer.id, HOME).await;
    assert_eq!(ended, Err(ChallengeError::Ended));
}

pub async fn a_new_challenge_ends_the_old_one(w: World) {
    let old = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let old_code = the_code(&w).await;
    w.clock.advance(30);
    // Not delivered yet: it never will be, so that nobody gets two different codes.
    let unsent = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    w.clock.advance(300);
    let new = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let new_code = the_code(&w).await;
    for id in [&old.id, &unsent.id] {
        for code in [&old_code, &new_code] {
            let ended = redeem(&w, id, Purpose::SignUp, code).await;
            assert_eq!(ended.err(), Some(RedeemError::Ended));
        }
    }
    let right = redeem(&w, &new.id, Purpose::SignUp, &new_code).await;
    assert!(right.is_ok());
}

pub async fn a_code_is_worth_nothing_for_another_purpose(w: World) {
    signed_up(&w).await;
    let answer = ask(&w, ANA, Purpose::SignIn).await.unwrap();
    let code = the_code(&w).await;
    let other = redeem(&w, &answer.id, Purpose::Recovery, &code).await;
    assert_eq!(other.err(), Some(RedeemError::Wrong { tries_left: 4 }));
    assert!(redeem(&w, &answer.id, Purpose::SignIn, &code).await.is_ok());
}

pub async fn codes_end_after_ten_minutes(w: World) {
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let code = the_code(&w).await;
    w.clock.advance(600);
    let late = redeem(&w, &answer.id, Purpose::SignUp, &code).await;
    assert_eq!(late.err(), Some(RedeemError::Ended));
    let late = w.platform.resend(&answer.id, HOME).await;
    assert_eq!(late, Err(ChallengeError::Ended));
}

pub async fn cooldowns_and_the_daily_cap_hold(w: World) {
    let wait = async |purpose| match ask(&w, ANA, purpose).await {
        Err(ChallengeError::Cooldown { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    };
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    assert_eq!(wait(Purpose::SignUp).await, 30);
    w.clock.advance(29);
    assert_eq!(wait(Purpose::SignUp).await, 1);
    // Another purpose is no way around it, and a resend neither.
    assert_eq!(wait(Purpose::Recovery).await, 1);
    let again = w.platform.resend(&answer.id, HOME).await;
    assert_eq!(again, Err(ChallengeError::Cooldown { retry_after: 1 }));
    w.clock.advance(1);
    w.platform.resend(&answer.id, HOME).await.unwrap();
    assert_eq!(wait(Purpose::SignUp).await, 300);
    for _ in 2..w.settings.limits.messages_per_recipient {
        w.clock.advance(300);
        ask(&w, ANA, Purpose::SignUp).await.unwrap();
    }
    w.clock.advance(300);
    let capped = ask(&w, ANA, Purpose::SignUp).await;
    let Err(ChallengeError::DailyCap { retry_after }) = capped else {
        panic!("{capped:?}");
    };
    assert_eq!(
        (w.now().as_secs() + retry_after) % 86_400,
        0,
        "midnight UTC"
    );
    w.clock.advance(retry_after);
    assert!(ask(&w, ANA, Purpose::SignUp).await.is_ok(), "a new day");
}

pub async fn text_messages_go_where_the_policy_says(w: World) {
    let answer = ask(&w, "+49 170 1234567", Purpose::SignUp).await.unwrap();
    assert_eq!(answer.channel, Channel::Sms);
    let messages = w.messages().await;
    assert_eq!(messages[0].recipient.address(), "+491701234567");
    let elsewhere = ask(&w, "+44 7911 123456", Purpose::SignUp).await;
    assert_eq!(elsewhere, Err(ChallengeError::CountryNotServed));
}

pub async fn a_budget_is_never_overspent(w: World) {
    let number = |n: u32| format!("+49 170 123456{n}");
    // Germany: 21 units a day at 7 each.
    for n in 0..3 {
        ask(&w, &number(n), Purpose::SignUp).await.unwrap();
    }
    let spent = ask(&w, &number(3), Purpose::SignUp).await;
    assert_eq!(spent, Err(ChallengeError::SmsBudgetSpent));
    let unknown = ask(&w, &number(4), Purpose::SignIn).await;
    assert_eq!(
        unknown,
        Err(ChallengeError::SmsBudgetSpent),
        "the budget does not tell who is known"
    );
    // 30 in all: one more to Portugal at 5, then 4 are left.
    ask(&w, "+351 912 345 678", Purpose::SignUp).await.unwrap();
    let spent = ask(&w, "+351 912 345 679", Purpose::SignUp).await;
    assert_eq!(spent, Err(ChallengeError::SmsBudgetSpent));
    // What was refused cost nothing: the recipient has no cooldown.
    w.clock.advance(86_400);
    assert!(ask(&w, &number(3), Purpose::SignUp).await.is_ok());
    assert_eq!(w.messages().await.len(), 1, "yesterday's have ended");
}

pub async fn recovery_leads_to_a_rotation(w: World) {
    let old = w.enrolled("ana").await;
    let hers = Recipient::email(ANA).unwrap();
    let has_it = w.platform.add_contact(&id("ana"), &hers).await.unwrap();
    assert!(has_it == id("ana"));
    let taken = w.platform.add_contact(&id("bob"), &hers).await.unwrap();
    assert!(taken == id("ana"), "an address belongs to one person");

    let answer = ask(&w, ANA, Purpose::Recovery).await.unwrap();
    let code = the_code(&w).await;
    let redeemed = redeem(&w, &answer.id, Purpose::Recovery, &code).await;
    let redeemed = redeemed.ok().unwrap();
    assert!(redeemed.person == id("ana") && !redeemed.offer_app);
    let rotated = w.platform.begin_rotation(&enrol("ana")).await.unwrap();
    let new = Phone::of(&rotated);
    w.confirm("ana", &rotated, &new.code(w.now()))
        .await
        .unwrap();
    w.clock.advance(30);
    assert!(w.verify("ana", &old.code(w.now())).await.is_err());
    assert!(w.verify("ana", &new.code(w.now())).await.is_ok());
}

pub async fn a_forgotten_person_leaves_no_address_and_no_code(w: World) {
    let phone = w.enrolled("ana").await;
    let bobs = "bob@example.tv";
    for (person, address) in [("ana", ANA), ("bob", bobs)] {
        let theirs = Recipient::email(address).unwrap();
        w.platform.add_contact(&id(person), &theirs).await.unwrap();
    }
    w.platform.begin_rotation(&enrol("ana")).await.unwrap();
    let hers = ask(&w, ANA, Purpose::SignIn).await.unwrap();
    let code = the_code(&w).await;
    let his = ask(&w, bobs, Purpose::SignIn).await.unwrap();
    let his_code = the_code(&w).await;

    w.platform.forget(&id("ana")).await.unwrap();
    w.platform.forget(&id("ana")).await.unwrap();
    assert!(w.verify("ana", &phone.code(w.now())).await.is_err());
    assert!(w.platform.contacts(&id("ana")).await.unwrap().is_empty());
    let late = redeem(&w, &hers.id, Purpose::SignIn, &code).await;
    assert_eq!(late.err(), Some(RedeemError::Ended));
    w.clock.advance(300);
    assert_eq!(w.messages().await.len(), 1, "bob's, and nobody else's");
    let redeemed = redeem(&w, &his.id, Purpose::SignIn, &his_code).await;
    assert!(redeemed.ok().unwrap().person == id("bob"));

    ask(&w, ANA, Purpose::SignIn).await.unwrap();
    assert!(w.messages().await.is_empty(), "nobody has it");
    w.clock.advance(300);
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let code = the_code(&w).await;
    let new = redeem(&w, &answer.id, Purpose::SignUp, &code).await;
    let new = new.ok().unwrap();
    assert!(new.created && new.person != id("ana"), "somebody new");
}
