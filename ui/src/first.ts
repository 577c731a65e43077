// The first picture. Where the codes came with the page, they are put into the list as it was drawn when the window was built,
// which takes no framework, and the window shows. What makes it live is read after that, and takes the picture's place.
import { dress } from "./lib/appearance";
import { countdown, elapsed } from "./lib/clock";
import { groups, spoken } from "./lib/grouping";
import type { AccountView, FirstLook, Settings } from "./lib/ipc";
import { hue, monogram } from "./lib/monogram";
import { pinnedFirst } from "./lib/search";
import { rowsInView, unmeasured } from "./lib/window-of";
import { m, nameOf } from "./lib/words";

/** A window that nobody can see paints nothing: after this time the rest is read all the same. */
const LATEST_MS = 500;

const find = (root: ParentNode, selector: string) => root.querySelector<HTMLElement>(selector);

/** Whether there are codes to see: with none of them, or with codes that wait for a tap, nobody is in a hurry. */
function hasCodes({ status, codes, settings }: FirstLook): boolean {
  return status.state === "open" && codes.accounts.length > 0 && !settings.tapToReveal;
}

/** What stands above the list. */
function fillTop(picture: DocumentFragment, { status, codes }: FirstLook): void {
  const notices = find(picture, ".notices");
  const shown = status.notices.map((notice) => picture.querySelector(`[data-notice="${notice}"]`)).filter((one) => one !== null);
  if (shown.length > 0) notices?.replaceChildren(...shown);
  else notices?.remove();
  const chips = find(picture, ".chips");
  const chip = chips?.lastElementChild;
  chip?.remove();
  if (codes.groups.length === 0) chips?.remove();
  for (const group of codes.groups) {
    const copy = chip?.cloneNode();
    if (!copy) break;
    copy.textContent = group;
    chips?.append(copy);
  }
}

function fillDigits(digits: HTMLElement, code: string, grouping: number): void {
  digits.dataset["code"] = code;
  const [seen, heard] = digits.children;
  const group = seen?.firstElementChild;
  const digit = group?.firstElementChild;
  if (!seen || !heard || !group || !digit) return;
  const one = (text: string) => {
    const copy = digit.cloneNode() as Element;
    copy.textContent = text;
    return copy;
  };
  seen.replaceChildren(
    ...groups(code, grouping).map((part) => {
      const copy = group.cloneNode() as Element;
      copy.replaceChildren(...[...part].map(one));
      return copy;
    }),
  );
  heard.textContent = spoken(code, grouping);
}

/** As AccountRow.svelte and what is in it; e2e/first.spec.ts holds the two against each other. */
function fillRow(row: HTMLElement, account: AccountView, settings: Settings, place: number, of: number): void {
  const name = nameOf(account);
  row.dataset["id"] = account.id;
  row.ariaPosInSet = String(place);
  row.ariaSetSize = String(of);
  const mark = find(row, ".mark");
  if (mark) {
    mark.textContent = monogram(account.issuer || account.account);
    mark.style.setProperty("--hue", String(hue(account.issuer || account.account)));
  }
  const issuer = find(row, ".issuer");
  if (issuer) {
    if (!account.pinned) issuer.querySelector("svg")?.remove();
    issuer.firstChild?.replaceWith(account.issuer || account.account || name);
  }
  const second = find(row, ".account");
  if (second) second.textContent = account.issuer ? account.account : "";
  const code = find(row, ".code .digits");
  if (code) fillDigits(code, account.code, settings.grouping);
  if (account.period !== null && account.validFrom !== null) {
    const ring = find(row, ".ring");
    const strip = find(row, ".strip");
    const { count, strip: numbers } = countdown(account.period);
    if (strip) strip.dataset["strip"] = numbers;
    for (const [property, value] of [["--seconds", account.period], ["--count", count], ["--elapsed", `${-elapsed(account.validFrom)}ms`]] as const) ring?.style.setProperty(property, String(value));
    const next = find(row, ".next");
    const digits = next && find(next, ".digits");
    if (digits && settings.showNext && account.nextCode) {
      next.style.setProperty("--wait", `${(account.period * 2000) / 3 - elapsed(account.validFrom)}ms`);
      fillDigits(digits, account.nextCode, settings.grouping);
    } else next?.remove();
  }
  const said = find(row, ".main + .unseen");
  if (said) {
    said.id = `first-${place}`;
    said.textContent = m.row_copy({ name });
    find(row, ".main")?.setAttribute("aria-describedby", said.id);
  }
  const [more, other] = row.querySelectorAll(".side button");
  more?.setAttribute("aria-label", m.row_more({ name }));
  other?.setAttribute("aria-label", account.kind === "hotp" ? m.row_hotp_next_label({ name }) : m.row_television({ name }));
}

/** Whether there was something to draw, and a way to. */
function draw(look: FirstLook): boolean {
  const drawn = document.querySelector<HTMLTemplateElement>("#first-picture");
  const app = document.getElementById("app");
  if (!drawn || !app) return false;
  const picture = drawn.content;
  const list = find(picture, ".list");
  const [ordinary, counted, damaged] = list?.children ?? [];
  if (!hasCodes(look) || !list || !ordinary || !counted || !damaged) return false;
  const { codes, settings } = look;
  fillTop(picture, look);
  const all = codes.accounts.length;
  const { from, to } = rowsInView(all, unmeasured.columns, unmeasured.row, unmeasured.listTop, 0, unmeasured.height);
  list.classList.toggle("few", all <= 3);
  list.style.setProperty("--before", String(from));
  list.style.setProperty("--after", String(all - to));
  const rows = pinnedFirst(codes.accounts).slice(from, to).map((account, i) => {
    const row = (account.kind === "hotp" ? counted : ordinary).cloneNode(true) as HTMLElement;
    fillRow(row, account, settings, from + i + 1, all);
    return row;
  });
  list.replaceChildren(...rows, ...codes.damaged.map(() => damaged.cloneNode(true)));
  app.replaceChildren(picture);
  return true;
}

const block = document.getElementById("first-look");
const look = block ? (JSON.parse(block.textContent) as FirstLook) : null;
dress(document.documentElement, look?.settings.appearance);
// Not awaited: what is read uses parts of this file, and would wait for its end.
const live = () => void import("./main");
let drawn = false;
try {
  drawn = look !== null && draw(look);
} catch (error) {
  console.error(error); // what lives draws it all the same
}
if (drawn) {
  // The window is hidden until now. main.ts says it again, for when nothing could be drawn here.
  (window as { __TAURI_INTERNALS__?: { invoke(command: string): unknown } }).__TAURI_INTERNALS__?.invoke("shown");
  const painted = new Promise<void>((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, LATEST_MS);
  });
  void painted.then(live);
} else live();
