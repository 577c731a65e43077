// The button that copies the key. Without this script it is hidden, and the key can be marked and copied by hand.
(function () {
  "use strict";
  var button = document.querySelector("button[data-copy]");
  var key = document.querySelector("[data-key]");
  if (!button || !key || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", function () {
    navigator.clipboard.writeText(key.textContent.replace(/ /g, "")).then(
      function () { button.textContent = "Copied"; },
      function () { button.textContent = "It could not be copied: mark it by hand"; }
    );
  });
})();
