// Draws what has changed anew, twice a minute, and leaves the reader where they are: the place on the page, the focus, what is
// open, what is selected and what is typed. Without it the page is the same and stands still.
"use strict";
(() => {
	const every = 30_000;
	const live = document.getElementById("live");
	const says = document.getElementById("live-says");
	const button = document.getElementById("live-switch");
	let paused = false, timer = 0, asking = false;

	// Said again, it would be read out again.
	const say = text => { if (says.textContent !== text) says.textContent = text; };

	// A document that is asked for as one runs no scripts, and needs no text made into markup.
	const ask = () => new Promise((done, failed) => {
		const request = new XMLHttpRequest();
		request.open("GET", location.pathname + location.search);
		request.responseType = "document";
		request.setRequestHeader("Accept", "text/html");
		request.timeout = every / 2;
		request.onload = () => request.status === 200 && request.response ? done(request.response) : failed();
		request.onerror = request.ontimeout = request.onabort = failed;
		request.send();
	});

	// Who is focused, as the same one can be found again: by its id, or as the n-th of its kind with the same words and target.
	const likeness = e => [e.tagName, e.getAttribute("href"), e.textContent].join("\n");
	const alike = (part, e) => [...part.querySelectorAll(e.tagName)].filter(other => likeness(other) === likeness(e));

	const replace = (old, fresh) => {
		const focused = old.contains(document.activeElement) ? document.activeElement : null;
		const nth = focused ? alike(old, focused).indexOf(focused) : -1;
		const scrolled = [...old.querySelectorAll(".scroll")].map(e => [e.scrollLeft, e.scrollTop]);
		const open = [...old.querySelectorAll("details[open]")].map(e => e.id);
		fresh = document.importNode(fresh, true);
		for (const e of fresh.querySelectorAll("details")) e.open = open.includes(e.id);
		old.replaceWith(fresh);
		[...fresh.querySelectorAll(".scroll")].forEach((e, i) => {
			if (scrolled[i]) [e.scrollLeft, e.scrollTop] = scrolled[i];
		});
		if (focused) {
			const again = focused.id && document.getElementById(focused.id) || alike(fresh, focused)[nth] || fresh.querySelectorAll(focused.tagName)[0];
			if (again) again.focus({preventScroll: true});
		}
	};

	// What is open is the reader's, and no news.
	const shown = part => {
		const copy = part.cloneNode(true);
		for (const e of copy.querySelectorAll("details")) e.open = false;
		return copy.outerHTML;
	};

	// What is first in the window stays where it is, whatever grows above it: a part, or a row of one, known by its links.
	const linked = e => [...e.querySelectorAll("a")].map(a => a.getAttribute("href")).join();
	const hold = () => {
		const top = e => e.getBoundingClientRect().top;
		const first = scrollY > 0 && [...document.querySelectorAll("[data-part], [data-part] tr, [data-part] li")].find(e => top(e) >= 0 && e.checkVisibility());
		if (!first) return () => {};
		const part = first.closest("[data-part]").id, links = linked(first), before = top(first);
		return () => {
			let now = document.getElementById(part);
			if (first.tagName !== now.tagName) now = [...now.querySelectorAll(first.tagName)].find(e => linked(e) === links);
			if (now) scrollBy({top: top(now) - before, behavior: "instant"});
		};
	};

	const draw = fresh => {
		const selection = getSelection();
		const parts = [...document.querySelectorAll("[data-part]")];
		const names = parts.map(p => p.id).join();
		if (names !== [...fresh.querySelectorAll("[data-part]")].map(p => p.id).join()) {
			location.reload(); // another page by now: an empty ledger has its first release
			return;
		}
		const stay = hold();
		for (const old of parts) {
			const next = fresh.getElementById(old.id);
			if (shown(next) === shown(old)) continue;
			if (!selection.isCollapsed && selection.containsNode(old, true)) continue;
			replace(old, next);
		}
		const footer = fresh.getElementById("footer");
		if (footer) replace(document.getElementById("footer"), footer);
		stay();
	};

	const refresh = async () => {
		clearTimeout(timer);
		if (paused || asking) return;
		if (!document.hidden) {
			asking = true;
			try {
				const fresh = await ask();
				if (!paused) { // it may have been since
					draw(fresh);
					say("Live");
				}
			} catch {
				if (!paused) say("Could not be refreshed; trying again");
			}
			asking = false;
		}
		timer = setTimeout(refresh, every);
	};

	button.addEventListener("click", () => {
		paused = !paused;
		button.textContent = paused ? "Go on" : "Pause";
		say(paused ? "Paused" : "Live");
		if (paused) clearTimeout(timer); else refresh();
	});
	document.addEventListener("visibilitychange", () => {
		if (!document.hidden && !paused) refresh();
	});
	say("Live");
	live.hidden = false;
	timer = setTimeout(refresh, every);
})();
