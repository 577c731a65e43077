//! A real mail server: Debian's exim, unpacked by scripts/setup into .tools/exim, with a spool and a certificate of its
//! own, delivering to a Maildir. What it says about the mail is what the world's servers say.
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use couchkey_platform::{
    ChallengeRequest, Purpose, Recipient, SmtpMailer, SmtpSecurity, SmtpSettings,
};
use mailparse::{MailHeaderMap, ParsedMail, parse_mail};
use tempfile::TempDir;

use super::harness::{BRAND, End, NoSms, World, code_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_code_goes_through_a_real_server_with_starttls_and_signs_its_reader_in() {
    let exim = Exim::start(SmtpSecurity::StartTls).await;
    let world = World::new().await;
    let outbox = world.outbox(Arc::new(exim.mailer(&world)), Arc::new(NoSms));
    let recipient = || Recipient::email("ana+tv@example.test").unwrap();
    let first = world.ask(recipient()).await;
    assert_eq!(world.until_the_end(&outbox, &first).await, (End::Sent, 1));

    let raw = exim.mails(1).await.remove(0);
    let mail = parse_mail(&raw).expect("a mail");
    let header = |name: &str| mail.headers.get_first_value(name).unwrap_or_default();
    assert_eq!(header("To"), "ana+tv@example.test");
    assert_eq!(header("From"), "Télé <codes@xn--tl-bjab.test>");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert!(header("Message-ID").ends_with("@xn--tl-bjab.test>"));
    assert!(header("Received").contains("TLS"), "STARTTLS was on");
    assert_eq!(
        header("Date"),
        "Fri, 15 Jan 2027 08:00:00 +0000",
        "by the clock that is given"
    );

    let (text, html) = (part(&mail, "text/plain"), part(&mail, "text/html"));
    let code = code_in(&text).expect("the code, in two groups");
    assert!(
        !header("Subject").contains(&code[..3]),
        "lock screens show subjects"
    );
    assert!(html.contains(&format!("{} {}", &code[..3], &code[3..])));
    assert!(
        !html.contains("http") && !html.contains("<img") && !html.contains("<a "),
        "nothing that is followed"
    );

    // A resend is another mail with the same code.
    world.clock.set(first.resend_at);
    world
        .platform
        .resend(&first.id, std::net::Ipv4Addr::LOCALHOST.into())
        .await
        .unwrap();
    assert_eq!(world.until_the_end(&outbox, &first).await, (End::Sent, 1));
    let raws = exim.mails(2).await;
    let codes: Vec<_> = raws
        .iter()
        .map(|raw| code_in(&part(&parse_mail(raw).unwrap(), "text/plain")))
        .collect();
    assert_eq!(codes, [Some(code.clone()), Some(code.clone())]);

    assert!(
        world.redeems(&first, &code).await,
        "the code from the mailbox signs in"
    );
    assert!(!world.redeems(&first, &code).await, "and only once");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_from_the_first_byte_and_addresses_of_every_script() {
    let exim = Exim::start(SmtpSecurity::Tls).await;
    let world = World::new().await;
    let outbox = world.outbox(Arc::new(exim.mailer(&world)), Arc::new(NoSms));
    let addresses = ["用户@例え.test", "josé@bücher.test", "o'neil@bücher.test"];
    let mut mails = 0;
    for (address, language) in addresses.into_iter().zip(["de-AT", "fr", "pt"]) {
        let request = ChallengeRequest {
            recipient: Recipient::email(address).unwrap(),
            purpose: Purpose::SignUp,
            from: std::net::Ipv4Addr::LOCALHOST.into(),
            language: Some(language.to_owned()),
            known: None,
        };
        let answer = world.platform.challenge(&request).await.unwrap();
        assert_eq!(
            world.until_the_end(&outbox, &answer).await,
            (End::Sent, 1),
            "{address}"
        );
        mails += 1;
        let raws = exim.mails(mails).await;
        let newest = raws
            .iter()
            .filter_map(|raw| code_in(&part(&parse_mail(raw).unwrap(), "text/plain")));
        let mut right = false;
        for code in newest.collect::<Vec<_>>() {
            right |= world.redeems(&answer, &code).await;
        }
        assert!(right, "{address}: the code came");
    }
}

/// The text of the part with this type.
fn part(mail: &ParsedMail<'_>, kind: &str) -> String {
    let parts = mail.parts().find(|part| part.ctype.mimetype == kind);
    parts
        .expect("both parts are there")
        .get_body()
        .expect("UTF-8")
}

struct Exim {
    process: Child,
    home: TempDir,
    port: u16,
    security: SmtpSecurity,
}

impl Exim {
    /// On a port of its own. exim has to be told one, and another program may take it between our look and exim's: then
    /// exim ends, and we look again.
    async fn start(security: SmtpSecurity) -> Exim {
        for _ in 0..10 {
            if let Some(exim) = Exim::start_on_a_free_port(security).await {
                return exim;
            }
        }
        panic!("ten ports were taken by others");
    }

    async fn start_on_a_free_port(security: SmtpSecurity) -> Option<Exim> {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/exim");
        let exim = tools.join("usr/sbin/exim4").canonicalize();
        let exim = exim.expect("exim is not unpacked: run scripts/setup test");
        let home = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(home.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(
            home.path().join("key.pem"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();

        // exim never delivers as root, and insists on a user of its own: nss_wrapper gives it one for this process only.
        let me = std::fs::metadata(home.path()).unwrap();
        let (uid, gid) = if me.uid() == 0 {
            (65_534, 65_534)
        } else {
            (me.uid(), me.gid())
        };
        let users =
            format!("root:x:0:0::/root:/bin/sh\nDebian-exim:x:{uid}:{gid}::/tmp:/bin/false\n");
        std::fs::write(home.path().join("passwd"), users).unwrap();
        std::fs::write(
            home.path().join("group"),
            format!("root:x:0:\nDebian-exim:x:{gid}:\n"),
        )
        .unwrap();
        for folder in ["mail", "spool", "log"] {
            std::fs::create_dir(home.path().join(folder)).unwrap();
        }
        if me.uid() == 0 {
            for name in ["", "mail", "spool", "log", "cert.pem", "key.pem"] {
                chown(home.path().join(name), Some(uid), Some(gid)).unwrap();
            }
        }
        let on_connect = if security == SmtpSecurity::Tls {
            port.to_string()
        } else {
            String::new()
        };
        let configuration = CONFIGURATION
            .replace("HOME", home.path().to_str().unwrap())
            .replace("EXIM", exim.to_str().unwrap())
            .replace("ON_CONNECT", &on_connect)
            .replace("PORT", &port.to_string());
        let file = home.path().join("exim.conf");
        std::fs::write(&file, configuration).unwrap();
        let process = Command::new(exim)
            .arg("-C")
            .arg(&file)
            .arg("-bdf")
            .env("TMPDIR", home.path())
            .env("LD_PRELOAD", "libnss_wrapper.so")
            .env("NSS_WRAPPER_PASSWD", home.path().join("passwd"))
            .env("NSS_WRAPPER_GROUP", home.path().join("group"))
            .stdin(Stdio::null())
            .spawn()
            .expect("exim starts");
        let mut exim = Exim {
            process,
            home,
            port,
            security,
        };
        for _ in 0..600 {
            // Written when it listens. A connection would also be taken by whoever else has the port.
            if exim.home.path().join("pid").exists() {
                return Some(exim);
            }
            if exim.process.try_wait().unwrap().is_some() {
                let log = exim.log();
                assert!(log.contains("Address already in use"), "exim ended: {log}");
                return None;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("exim does not listen: {}", exim.log());
    }

    fn mailer(&self, world: &World) -> SmtpMailer {
        let mut settings = SmtpSettings::new("localhost", "Télé <codes@télé.test>", BRAND);
        settings.port = Some(self.port);
        settings.security = self.security;
        settings.login = Some(("couchkey".into(), "secret".to_owned().into()));
        settings.authority = Some(std::fs::read(self.home.path().join("cert.pem")).unwrap());
        SmtpMailer::with_clock(settings, world.clock.clone()).unwrap()
    }

    /// The mails in the Maildir, once there are so many.
    async fn mails(&self, how_many: usize) -> Vec<Vec<u8>> {
        for _ in 0..600 {
            let files: Vec<PathBuf> = std::fs::read_dir(self.home.path().join("mail/new"))
                .map(|files| files.map(|file| file.unwrap().path()).collect())
                .unwrap_or_default();
            if files.len() >= how_many {
                return files
                    .iter()
                    .map(|file| std::fs::read(file).unwrap())
                    .collect();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{how_many} mails do not come: {}", self.log());
    }

    fn log(&self) -> String {
        let logs = std::fs::read_dir(self.home.path().join("log")).unwrap();
        logs.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default())
            .collect()
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Everything is refused before TLS; login is asked for; every address has its mail in one Maildir.
const CONFIGURATION: &str = r"
primary_hostname = mail.example.test
deliver_drop_privilege = true
keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
exim_path = EXIM
spool_directory = HOME/spool
log_file_path = HOME/log/%slog
pid_file_path = HOME/pid
local_interfaces = 127.0.0.1
daemon_startup_retries = 0
daemon_smtp_ports = PORT
tls_on_connect_ports = ON_CONNECT
tls_advertise_hosts = *
tls_certificate = HOME/cert.pem
tls_privatekey = HOME/key.pem
smtputf8_advertise_hosts = *
auth_advertise_hosts = ${if def:tls_in_cipher {*}}
host_lookup =
rfc1413_hosts =
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
begin acl
mail:
  require encrypted = *
  require authenticated = *
  accept
rcpt:
  accept
begin routers
all:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = HOME/mail
  maildir_format
  user = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{couchkey}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2
";
