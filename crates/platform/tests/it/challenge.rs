//! Codes by e-mail and SMS.
use std::net::IpAddr;

use couchkey_platform::{
    ChallengeAnswer, ChallengeError, ChallengeId, ChallengeRequest, Channel, Outcome, Platform,
    Purpose, Recipient, RedeemError, RedeemRequest, Redeemed, Scope,
};

use crate::world::{HOME, Phone, World, enrol, id, ip};

pub const ANA: &str = "ana@example.tv";

fn request(recipient: Recipient, purpose: Purpose) -> ChallengeRequest {
    ChallengeRequest {
        recipient,
        purpose,
        from: HOME,
        language: Some("pt".to_owned()),
        known: None,
    }
}

/// Somebody asks from there, with what their browser has kept.
async fn ask_from(
    w: &World,
    purpose: Purpose,
    from: IpAddr,
    known: Option<&str>,
) -> Result<ChallengeAnswer, ChallengeError> {
    let mut request = request(Recipient::email(ANA).unwrap(), purpose);
    request.from = from;
    request.known = known.map(str::to_owned);
    w.platform.challenge(&request).await
}

/// What a mailbox has got since it was looked at.
async fn read_mail(w: &World, last: &mut String) -> usize {
    let messages = w.messages().await;
    for message in &messages {
        message.code.expose().clone_into(last);
        w.platform.settle(message, Outcome::Sent).await.unwrap();
    }
    messages.len()
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
        known: None,
    };
    w.platform.redeem(&request).await
}

async fn redeem_from(
    w: &World,
    id: &ChallengeId,
    code: &str,
    from: IpAddr,
    known: Option<&str>,
) -> Result<Redeemed, RedeemError> {
    let request = RedeemRequest {
        id: id.clone(),
        purpose: Purpose::SignIn,
        code,
        from,
        known,
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

/// Row 40 of issue 11.
pub async fn a_code_in_full_width_digits_is_that_code(w: World) {
    let answer = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    let code = the_code(&w).await;
    let wide: String = code
        .bytes()
        .map(|digit| char::from_u32(0xFF10 + u32::from(digit - b'0')).unwrap())
        .collect();
    let redeemed = redeem(&w, &answer.id, Purpose::SignUp, &wide).await;
    assert!(redeemed.is_ok(), "{wide} is {code}");
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
        // The second time the delay of the first five failures is in front of the sixth and longer.
        for n in 0..if purpose == Purpose::SignIn { 6 } else { 2 } {
            let known = redeem(&w, &known.id, purpose, &wrong).await.err();
            let unknown = redeem(&w, &unknown.id, purpose, &wrong).await.err();
            assert_eq!(known, unknown, "try {n}");
        }
        let ended = [&known.id, &unknown.id].map(|id| w.platform.resend(id, HOME));
        for again in ended {
            let out_of_tries = again.await == Err(ChallengeError::Ended);
            assert_eq!(out_of_tries, purpose == Purpose::SignIn);
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

/// Row 3 of issue 17: whoever asked ended the code that somebody else was typing.
pub async fn row_3_a_new_challenge_ends_no_other_and_has_the_same_code(w: World) {
    let mut code = String::new();
    let first = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    read_mail(&w, &mut code).await;
    let sent = code.clone();
    w.clock.advance(60);
    let second = ask_from(&w, Purpose::SignUp, ip(1, 1), None).await.unwrap();
    assert_eq!(second.expires_at, first.expires_at, "the code's end stays");
    w.clock.advance(240);
    let third = ask_from(&w, Purpose::SignUp, ip(1, 2), None).await.unwrap();
    read_mail(&w, &mut code).await;
    assert_eq!(code, sent, "nobody gets two different codes");
    // Each has tries of their own, and whoever has the mail is let in, once.
    for _ in 0..4 {
        let wrong = redeem(&w, &second.id, Purpose::SignUp, &another(&code)).await;
        assert!(wrong.is_err());
    }
    let hers = redeem(&w, &first.id, Purpose::SignUp, &code).await;
    assert!(hers.is_ok(), "a stranger's challenge ended hers");
    for id in [&first.id, &second.id, &third.id] {
        let used = redeem(&w, id, Purpose::SignUp, &code).await;
        assert_eq!(used.err(), Some(RedeemError::Ended), "a code is used once");
    }
    // What ends in a moment is no help to somebody who asks now.
    w.clock.advance(3_600);
    let old = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    read_mail(&w, &mut code).await;
    let old_code = code.clone();
    w.clock.advance(500);
    let new = ask(&w, ANA, Purpose::SignUp).await.unwrap();
    assert_eq!(read_mail(&w, &mut code).await, 1);
    assert_ne!(new.expires_at, old.expires_at);
    assert!(
        redeem(&w, &old.id, Purpose::SignUp, &old_code)
            .await
            .is_ok(),
        "both are good"
    );
    assert!(redeem(&w, &new.id, Purpose::SignUp, &code).await.is_ok());
}

/// Row 3 of issue 17: ten requests of a stranger used up the customer's day.
pub async fn row_3_a_stranger_uses_up_nobody_elses_day(w: World) {
    signed_up(&w).await;
    for _ in 0..40 {
        w.clock.advance(1_200);
        let _ = ask_from(&w, Purpose::SignIn, ip(1, 1), None).await;
    }
    let strangers = ask_from(&w, Purpose::SignIn, ip(1, 1), None).await;
    assert!(strangers.is_err(), "his own is used up");
    let mut code = String::new();
    read_mail(&w, &mut code).await;
    let answer = ask(&w, ANA, Purpose::SignIn).await.unwrap();
    read_mail(&w, &mut code).await;
    assert!(redeem(&w, &answer.id, Purpose::SignIn, &code).await.is_ok());
}

/// Row 3 of issue 17: a thousand others ask for her address in a day, and ask for more as often as they can.
pub async fn row_3_who_is_asked_for_by_a_thousand_strangers_signs_in_each_time(w: World) {
    const STRANGERS: u64 = 1_000;
    let kept = w.platform.known(&signed_up(&w).await);
    let mut code = String::new();
    let (mut mails, mut signed_in) = (0, 0);
    for n in 0..STRANGERS {
        w.clock.advance(86_400 / STRANGERS);
        let from = ip((n / 250) as u8, (n % 250) as u8);
        let purpose = [Purpose::SignIn, Purpose::SignUp, Purpose::Recovery][(n % 3) as usize];
        if let Ok(answer) = ask_from(&w, purpose, from, None).await {
            let _ = w.platform.resend(&answer.id, from).await;
        }
        if n % 3 == 0 {
            mails += read_mail_for(&w, Purpose::SignIn, &mut code).await;
        }
        if n % 125 == 60 {
            for known in [None, Some(kept.as_str())] {
                let answer = ask_from(&w, Purpose::SignIn, HOME, known).await;
                let answer = answer.unwrap_or_else(|error| panic!("{n}, {known:?}: {error}"));
                mails += read_mail_for(&w, Purpose::SignIn, &mut code).await;
                let redeemed = redeem_from(&w, &answer.id, &code, HOME, known).await;
                assert!(redeemed.is_ok(), "{n}, {known:?}: {:?}", redeemed.err());
                signed_in += 1;
            }
        }
    }
    assert_eq!(signed_in, 16);
    // One in five minutes at most, apart from hers.
    assert!(mails <= 288 + 16, "{mails} mails for signing in");
}

/// The same, of messages for one purpose; the others are thrown away.
async fn read_mail_for(w: &World, purpose: Purpose, last: &mut String) -> usize {
    let mut count = 0;
    for message in w.messages().await {
        if message.purpose == purpose {
            message.code.expose().clone_into(last);
            count += 1;
        }
        w.platform.settle(&message, Outcome::Sent).await.unwrap();
    }
    count
}

/// Row 4 of issue 17: fifty guesses a day, for ever.
pub async fn row_4_wrong_codes_from_messages_have_the_ladder_of_the_apps(w: World) {
    let kept = w.platform.known(&signed_up(&w).await);
    let mut code = String::new();
    let mut looked_at = 0;
    for n in 0..130_u32 {
        // Each from another place and by a challenge of its own, as somebody with patience does.
        let from = ip((n / 200) as u8, (n % 200) as u8);
        let known = ask_from(&w, Purpose::SignIn, from, None).await.unwrap();
        read_mail(&w, &mut code).await;
        let wrong = another(&code);
        let mut unknown = request(Recipient::email("bob@example.tv").unwrap(), Purpose::SignIn);
        unknown.from = from;
        let unknown = w.platform.challenge(&unknown).await.unwrap();
        let at_hers = redeem_from(&w, &known.id, &wrong, from, None).await.err();
        let at_nobodys = redeem_from(&w, &unknown.id, &wrong, from, None).await.err();
        assert_eq!(at_hers, at_nobodys, "guess {n}");
        match at_hers {
            Some(RedeemError::Wrong { .. }) => looked_at += 1,
            Some(RedeemError::Stopped) => assert_eq!(looked_at, 100),
            other => panic!("guess {n}: {other:?}"),
        }
        if n == 10 {
            let next = redeem_from(&w, &known.id, &wrong, from, None).await.err();
            let Some(RedeemError::Throttled {
                scope: Scope::Account,
                retry_after,
            }) = next
            else {
                panic!("{next:?}");
            };
            assert_eq!(retry_after, 1_920, "eleven failures");
        }
        w.clock.advance(3_700);
    }
    assert_eq!(looked_at, 100, "NIST SP 800-63B, section 5.2.2");
    // She still signs in where she has been signed in before, and that is the end of it.
    let answer = ask_from(&w, Purpose::SignIn, HOME, Some(&kept))
        .await
        .unwrap();
    read_mail(&w, &mut code).await;
    let new = redeem_from(&w, &answer.id, &code, HOME, None).await.err();
    assert_eq!(new, Some(RedeemError::Stopped));
    let hers = redeem_from(&w, &answer.id, &code, HOME, Some(&kept)).await;
    assert!(hers.is_ok(), "{:?}", hers.err());
    w.clock.advance(3_700);
    let answer = ask(&w, ANA, Purpose::SignIn).await.unwrap();
    read_mail(&w, &mut code).await;
    assert!(redeem(&w, &answer.id, Purpose::SignIn, &code).await.is_ok());
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

/// A text message to a number in Germany (7 units) or Portugal (5), asked for from there.
async fn text(
    platform: &Platform,
    number: &str,
    purpose: Purpose,
    from: IpAddr,
) -> Result<ChallengeAnswer, ChallengeError> {
    let mut request = request(Recipient::phone(number).unwrap(), purpose);
    request.from = from;
    platform.challenge(&request).await
}

fn german(n: u32) -> String {
    format!("+49 170 123456{n}")
}

fn portuguese(n: u32) -> String {
    format!("+351 912 345 {n:03}")
}

pub async fn a_budget_is_never_overspent(w: World) {
    let ask =
        async |number: &str, purpose, n: u8| text(&w.platform, number, purpose, ip(n, 1)).await;
    // Germany: 42 units a day at 7 each.
    for n in 0..6 {
        let theirs = Recipient::phone(&german(n.into())).unwrap();
        w.platform
            .add_contact(&id(&format!("p{n}")), &theirs)
            .await
            .unwrap();
        ask(&german(n.into()), Purpose::SignIn, n).await.unwrap();
    }
    let unknown = ask(&german(6), Purpose::SignIn, 6).await;
    assert_eq!(
        unknown,
        Err(ChallengeError::SmsBudgetSpent),
        "the budget does not tell who is known"
    );
    // 60 in all: three more to Portugal at 5, then 3 are left.
    for n in 0..3 {
        ask(&portuguese(n.into()), Purpose::SignUp, n)
            .await
            .unwrap();
    }
    let spent = ask(&portuguese(3), Purpose::SignUp, 3).await;
    assert_eq!(spent, Err(ChallengeError::SmsBudgetSpent));
    // What was refused cost nothing: the recipient has no cooldown.
    w.clock.advance(86_400);
    assert!(ask(&german(6), Purpose::SignUp, 6).await.is_ok());
    assert_eq!(w.messages().await.len(), 1, "yesterday's have ended");
}

/// Row 5 of issue 17: ten sign-ups, and no customer got a text message any more.
pub async fn row_5_new_people_leave_customers_their_share(w: World) {
    let theirs = Recipient::phone(&german(9)).unwrap();
    w.platform.add_contact(&id("ana"), &theirs).await.unwrap();
    let sign_up = async |n: u8| {
        let number = german(n.into());
        text(&w.platform, &number, Purpose::SignUp, ip(n, 1)).await
    };
    for n in 0..3 {
        sign_up(n).await.unwrap();
    }
    for n in 3..9 {
        assert_eq!(
            sign_up(n).await,
            Err(ChallengeError::SmsBudgetSpent),
            "half of 42 units"
        );
    }
    let hers = text(&w.platform, &german(9), Purpose::SignIn, HOME).await;
    assert!(hers.is_ok(), "{hers:?}");
}

/// Row 5 of issue 17: one address had the whole budget to itself.
pub async fn row_5_one_address_asks_for_few_texts_a_day(w: World) {
    let ask = async |n: u32, from| text(&w.platform, &portuguese(n), Purpose::SignUp, from).await;
    for n in 0..w.settings.limits.texts_per_address {
        ask(n, HOME).await.unwrap();
    }
    assert_eq!(ask(90, HOME).await, Err(ChallengeError::SmsBudgetSpent));
    assert!(
        ask(90, ip(1, 1)).await.is_ok(),
        "another address is another one"
    );
}

/// Row 5 of issue 17: messages to a block of numbers of which no code comes back are what somebody earns by.
pub async fn row_5_codes_that_nobody_redeems_pause_their_numbers(w: World) {
    let mut settings = w.settings.clone();
    settings.sms.units_per_day = 100_000;
    settings.sms.countries[1].units_per_day = 100_000;
    let platform = w.start(&w.keys, settings).await.unwrap();
    let ask = async |number: String, n: u32| {
        let from = ip((n / 200) as u8, (n % 200) as u8);
        text(&platform, &number, Purpose::SignUp, from).await
    };
    for n in 0..20 {
        ask(portuguese(n), n).await.unwrap();
    }
    assert_eq!(
        ask(portuguese(20), 20).await,
        Err(ChallengeError::SmsPaused)
    );
    // Elsewhere one of five is redeemed.
    for n in 0..40 {
        let answer = ask(format!("+351 935 000 {n:03}"), 200 + n).await.unwrap();
        let messages = platform.claim(60, 100).await.unwrap();
        let message = messages
            .iter()
            .find(|m| m.recipient.address() == format!("+351935000{n:03}"));
        if n % 5 == 0 {
            let request = RedeemRequest {
                id: answer.id,
                purpose: Purpose::SignUp,
                code: message.unwrap().code.expose(),
                from: HOME,
                known: None,
            };
            assert!(platform.redeem(&request).await.is_ok());
        }
    }
    w.clock.advance(86_400);
    assert!(ask(portuguese(20), 20).await.is_ok(), "a new day");
}

/// Row 13 of issue 17: one mailbox under three names was three people.
pub async fn row_13_one_mailbox_is_one_person_however_it_is_spelled(w: World) {
    let spellings = [
        "jos\u{e9}@m\u{fc}nchen.example",
        "jose\u{301}@mu\u{308}nchen.example",
        "JOS\u{c9}@xn--mnchen-3ya.EXAMPLE",
    ];
    let mut people = Vec::new();
    for spelling in spellings {
        let answer = ask(&w, spelling, Purpose::SignUp).await.unwrap();
        let code = the_code(&w).await;
        let redeemed = redeem(&w, &answer.id, Purpose::SignUp, &code).await;
        people.push(redeemed.ok().unwrap().person);
        w.clock.advance(2 * 3_600);
    }
    assert!(
        people.iter().all(|person| *person == people[0]),
        "one person"
    );
}

/// Row 13 of issue 17: 120 names of one mailbox were 120 mails.
pub async fn row_13_names_of_one_mailbox_share_what_it_gets(w: World) {
    let (mut mails, mut code) = (0, String::new());
    for n in 0..120_u8 {
        let recipient = Recipient::email(&format!("victim+{n}@example.tv")).unwrap();
        let mut request = self::request(recipient, Purpose::SignUp);
        request.from = ip(n, 1);
        let _ = w.platform.challenge(&request).await;
        mails += read_mail(&w, &mut code).await;
        w.clock.advance(30);
        if n % 40 == 20 {
            let plain = Recipient::email("victim@example.tv").unwrap();
            let mut request = self::request(plain, Purpose::SignUp);
            request.from = ip(200, n);
            let plain = w.platform.challenge(&request).await;
            assert!(plain.is_ok(), "{n}: {plain:?}, whose name has no plus");
        }
    }
    // An hour: one in five minutes, and those of the plain name.
    assert!(mails <= 13 + 3, "{mails} mails");
}

/// Row 13 of issue 17: mail has budgets as text messages have.
pub async fn row_13_mail_has_budgets_a_day_and_a_domain(w: World) {
    let mut settings = w.settings.clone();
    settings.mail.per_domain = Some(4);
    settings.mail.per_day = Some(6);
    let platform = w.start(&w.keys, settings).await.unwrap();
    for (n, domain) in [(0, "a"), (1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "b")] {
        let theirs = Recipient::email(&format!("p{n}@{domain}.example")).unwrap();
        w.platform
            .add_contact(&id(&format!("p{n}")), &theirs)
            .await
            .unwrap();
    }
    let ask = async |n: u8, domain: &str, purpose| {
        let recipient = Recipient::email(&format!("p{n}@{domain}.example")).unwrap();
        let mut request = request(recipient, purpose);
        request.from = ip(n, 1);
        platform.challenge(&request).await.map(drop)
    };
    let spent = Err(ChallengeError::MailBudgetSpent);
    for n in [10, 11] {
        assert_eq!(ask(n, "a", Purpose::SignUp).await, Ok(()));
    }
    assert_eq!(
        ask(12, "a", Purpose::SignUp).await,
        spent,
        "half is for customers"
    );
    for n in [0, 1] {
        assert_eq!(ask(n, "a", Purpose::SignIn).await, Ok(()), "who get it");
    }
    assert_eq!(
        ask(2, "a", Purpose::SignIn).await,
        spent,
        "four to this domain"
    );
    assert_eq!(ask(4, "b", Purpose::SignIn).await, Ok(()));
    assert_eq!(ask(5, "b", Purpose::SignIn).await, Ok(()));
    assert_eq!(ask(13, "c", Purpose::SignUp).await, spent, "six in all");
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
