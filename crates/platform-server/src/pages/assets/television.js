// The television page: arrow keys move to the next key in their direction, digits and Backspace type, and the page learns
// by itself that a phone has confirmed. Without this script every key of the keypad is a small form of its own and works.
(function () {
  "use strict";
  var form = document.querySelector("form[data-keypad]");
  var typed = form && form.querySelector("input[name=typed]");
  var shown = document.querySelector("[data-typed]");
  var places = form ? Number(form.getAttribute("data-places")) : 0;

  function show() {
    var marks = shown.querySelectorAll("i");
    for (var at = 0; at < marks.length; at += 1) {
      marks[at].textContent = typed.value.charAt(at) || "\u00a0";
      marks[at].classList.toggle("full", at < typed.value.length);
    }
    shown.setAttribute("aria-label", typed.value ? typed.value.split("").join(" ") : shown.getAttribute("data-empty"));
  }

  function press(what) {
    if (what === "back") typed.value = typed.value.slice(0, -1);
    else if (typed.value.length < places) typed.value += what;
    show();
    // The last digit is in: one more press of Enter sends it.
    if (typed.value.length === places && what !== "back") form.querySelector("[data-go]").focus();
  }

  function centre(element) {
    var box = element.getBoundingClientRect();
    return { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, visible: box.width > 0 };
  }

  // The nearest thing that lies in the direction of the arrow; what lies askew counts as further away.
  function move(dx, dy) {
    var from = centre(document.activeElement || document.body);
    var best = null;
    var least = Infinity;
    document.querySelectorAll("button, a[href]").forEach(function (one) {
      var to = centre(one);
      var along = (to.x - from.x) * dx + (to.y - from.y) * dy;
      var askew = Math.abs((to.x - from.x) * dy) + Math.abs((to.y - from.y) * dx);
      if (one === document.activeElement || !to.visible || along < 4 || askew > along * 3) return;
      if (along + askew * 2 < least) {
        least = along + askew * 2;
        best = one;
      }
    });
    if (best) best.focus();
  }

  // Keyboards of other scripts write digits of their own; then the key's place says which one it is.
  function digit(event) {
    if (/^[0-9]$/.test(event.key)) return event.key;
    var place = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
    return place && /^\p{Nd}$/u.test(event.key) ? place[1] : null;
  }

  document.addEventListener("keydown", function (event) {
    var way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) move(way[0], way[1]);
    else if (form && digit(event)) press(digit(event));
    else if (form && event.key === "Backspace") press("back");
    else return;
    event.preventDefault();
  });

  if (form) {
    form.addEventListener("click", function (event) {
      var key = event.target.closest("button[name=press]");
      if (!key || key.hasAttribute("data-go")) return;
      event.preventDefault();
      press(key.value);
    });
    show();
  }

  // Has somebody confirmed on the phone? Asked as often as the server allows (RFC 8628, section 3.5).
  var device = document.querySelector("form[data-device]");
  if (!device) return;
  var seconds = Number(device.getAttribute("data-interval"));
  var ask = function () {
    var body = new URLSearchParams(new FormData(device));
    fetch("/tv/poll", { method: "POST", body: body, credentials: "same-origin", headers: { Accept: "application/json" } })
      .then(function (answer) { return answer.json(); })
      .then(function (answer) {
        if (answer.go) { location.href = answer.go; return; }
        if (answer.interval) seconds = answer.interval;
        setTimeout(ask, seconds * 1000);
      })
      .catch(function () { setTimeout(ask, seconds * 2000); });
  };
  setTimeout(ask, seconds * 1000);
})();
