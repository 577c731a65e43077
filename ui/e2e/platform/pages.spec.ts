// The journey through the platform's pages: with arrow keys alone on the television, and everything that has to be refused.
import { enrol, expect, remote, signUp, test } from "./server";

test.beforeEach(({ page }) => {
  // The page policy refuses nothing that the pages need, and no page asks for anything from elsewhere.
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) throw new Error(message.text());
  });
});

test("sign up, set up the app, sign in on the television with four arrows; the same code again is used", async ({
  page,
  server,
  browser,
}) => {
  await signUp(page, server);
  const viewer = await enrol(page);

  const television = await (
    await browser.newContext({ viewport: { width: 1920, height: 1080 }, baseURL: server.url })
  ).newPage();
  await television.goto("/tv");
  await remote(television, [...viewer.number, "OK"]);
  await expect(television.getByRole("heading", { name: "The code from your app" })).toBeVisible();
  await remote(television, [...viewer.used, "OK"]);
  await expect(television.getByRole("alert"), "the code that confirmed the app is used up").toContainText(
    "has been used",
  );
  await remote(television, [...viewer.next, "OK"]);
  await expect(television.getByRole("heading", { name: "Signed in" })).toBeVisible();

  const other = await (
    await browser.newContext({ viewport: { width: 1920, height: 1080 }, baseURL: server.url })
  ).newPage();
  await other.goto("/tv");
  await remote(other, [...viewer.number, "OK", ...viewer.next, "OK"]);
  await expect(other.getByRole("alert"), "once, on whatever television").toContainText("has been used");

  await page.goto("/account");
  await expect(page.getByRole("listitem").filter({ hasText: "Television" })).toBeVisible();
  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  await television.reload();
  await expect(
    television.getByRole("heading", { name: "The code from your app" }),
    "signed out, and it remembers whose it is",
  ).toBeVisible();
  expect(server.said(), "the log has no secret").not.toContain(viewer.secret);
});

test("a phone confirms the television that it has scanned", async ({ page, server, browser }) => {
  const television = await (await browser.newContext({ baseURL: server.url })).newPage();
  await television.goto("/tv");
  const letters = await television.locator(".user-code").innerText();
  await page.goto(`/link?user_code=${letters}`);
  await expect(page.getByRole("heading", { name: "Sign in" }), "who is not signed in does that first").toBeVisible();
  await signUp(page, server, "Sign in this television?");
  await page.goto("/link");
  await page.getByLabel("The eight letters on the television").fill(letters.toLowerCase().replace("-", ""));
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByText("Chrome on Linux"), "the screen names the device").toBeVisible();
  await page.getByRole("button", { name: "Yes, sign it in" }).click();
  await expect(page.getByRole("heading", { name: "Done" })).toBeVisible();
  await expect(television.getByRole("heading", { name: "Signed in" })).toBeVisible({ timeout: 20_000 });
  await page.goto(`/link?user_code=${letters}`);
  await expect(page.getByRole("alert"), "letters work once").toBeVisible();
});

test("a new phone: the old app works until the new one has shown its code, and then no more", async ({
  page,
  server,
}) => {
  await signUp(page, server);
  const old = await enrol(page);
  await page.goto("/account");
  await page.getByRole("link", { name: /set up a new one/ }).click();
  const viewer = await enrol(page);
  expect(viewer.number).toBe(old.number);
  await page.goto("/account");
  await page.getByRole("button", { name: "Sign out here" }).click();
  const signIn = async (code: string) => {
    await page.goto("/signin");
    await page.getByLabel("Viewer number").fill(viewer.number);
    await page.getByLabel("Code from the app").fill(code);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  await signIn(old.next);
  await expect(page.getByRole("alert")).toContainText("not the code");
  await signIn(viewer.next);
  await expect(page.getByRole("heading", { name: "Your account" })).toBeVisible();
});

test("without the app: a code by mail, and not a second one in the same moment for a browser that nobody knows", async ({
  page,
  server,
  browser,
}) => {
  const address = await signUp(page, server);
  await page.goto("/account");
  await expect(page.getByText("Not set up yet"), "a code by mail has signed in; the app is offered").toBeVisible();
  await page.getByRole("button", { name: "Sign out here" }).click();
  const other = await (await browser.newContext({ baseURL: server.url })).newPage();
  for (const [where, said] of [
    [other, "A code was sent a moment ago"],
    [page, ""],
  ] as const) {
    await where.goto("/forgot");
    await where.getByLabel("E-mail address or telephone number").fill(address);
    await where.getByRole("button", { name: "Send me a code" }).click();
    if (said) await expect(where.getByRole("alert")).toContainText(said);
  }
  await expect(
    page.getByRole("heading", { name: "Type the code" }),
    "whoever has signed in here before need not wait for others",
  ).toBeVisible();
});

test("a deleted account is gone", async ({ page, server }) => {
  await signUp(page, server);
  const viewer = await enrol(page);
  await page.goto("/account/delete");
  await page.getByRole("button", { name: "Delete it for good" }).click();
  await page.goto("/account");
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await page.getByLabel("Viewer number").fill(viewer.number);
  await page.getByLabel("Code from the app").fill(viewer.next);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("not the code");
});

test("a form that another site sends is refused, although the cookies come along", async ({ page, server }) => {
  await signUp(page, server);
  const cookies = (await page.context().cookies(server.url))
    .map((cookie) => `${cookie.name}=${cookie.value}`)
    .join("; ");
  const senders: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { "sec-fetch-site": "cross-site" },
    {},
  ];
  for (const headers of senders) {
    const answer = await page.request.post("/account/delete", {
      headers: { cookie: cookies, ...headers },
      form: { token: "" },
    });
    expect(answer.status()).toBe(403);
  }
  await page.goto("/account");
  await expect(page.getByRole("heading", { name: "Your account" }), "the account is still there").toBeVisible();
});
