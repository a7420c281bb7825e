// Asks the server whether the page is old, and shows the new one when it is.
"use strict";
for (const box of document.querySelectorAll("[data-live]")) {
  const { live, method, state, every } = box.dataset;
  const ask = async () => {
    try {
      const answer = await fetch(live, { method, headers: { accept: "application/json" } });
      if (answer.ok && (await answer.json()).state !== state) {
        location.reload();
        return;
      }
    } catch {
      // The server or the network is away; the next try may find it.
    }
    setTimeout(ask, Number(every));
  };
  setTimeout(ask, Number(every));
}
