"use strict";
const test = JSON.parse(document.getElementById("test").textContent);
const main = document.querySelector("main");
const listener = Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");
const answers = [];
let player = null;

function shuffled(list) {
  const all = list.slice();
  for (let i = all.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

function add(parent, tag, text, className) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  if (className) made.className = className;
  parent.append(made);
  return made;
}

function stop() {
  const at = player ? player.audio.currentTime : 0;
  if (player) {
    player.audio.pause();
    player.button.classList.remove("playing");
  }
  player = null;
  return at;
}

// Whoever switches goes on at the same place, so that sounds can be compared moment by moment.
function playButton(parent, label, file, heard) {
  const button = add(parent, "button", label);
  button.type = "button";
  const audio = new Audio("audio/" + file);
  audio.preload = "auto";
  audio.loop = true;
  button.addEventListener("click", () => {
    const again = player && player.audio === audio;
    const at = stop();
    if (again) return;
    audio.currentTime = at;
    audio.play();
    button.classList.add("playing");
    player = { audio, button };
    heard();
  });
}

function welcome() {
  add(main, "h1", "Listening test");
  add(main, "p", test.welcome);
  const next = add(main, "button", "Begin", "next");
  next.addEventListener("click", () => show(shuffled(test.trials), 0));
}

function show(trials, index) {
  stop();
  main.replaceChildren();
  if (index === trials.length) return finish();
  const trial = trials[index];
  const began = Date.now();
  const waiting = new Set();
  add(main, "h1", `Page ${index + 1} of ${trials.length}`);
  add(main, "p", test.question);
  playButton(add(main, "div", "", "reference"), "Reference", trial.reference, () => {});
  const words = add(main, "div", "", "words");
  ["bad", "poor", "fair", "good", "excellent"].forEach((word) => add(words, "span", word));
  const given = {};
  const next = add(main, "button", index + 1 < trials.length ? "Next" : "Finish", "next");
  const note = add(main, "p", "Please hear every sound and move every slider.", "note");
  const check = () => {
    next.disabled = waiting.size > 0;
    note.hidden = waiting.size === 0;
  };
  shuffled(Object.keys(trial.stimuli)).forEach((stimulus, place) => {
    const row = document.createElement("div");
    row.className = "sound";
    next.before(row);
    waiting.add(stimulus + " heard").add(stimulus + " moved");
    playButton(row, `Sound ${place + 1}`, trial.stimuli[stimulus], () => {
      waiting.delete(stimulus + " heard");
      check();
    });
    const slider = add(row, "input");
    Object.assign(slider, { type: "range", min: 0, max: 100, value: 50 });
    slider.setAttribute("aria-label", `Sound ${place + 1}`);
    const shown = add(row, "output", "–");
    slider.addEventListener("input", () => {
      given[stimulus] = Number(slider.value);
      shown.textContent = slider.value;
      waiting.delete(stimulus + " moved");
      check();
    });
  });
  check();
  next.addEventListener("click", () => {
    for (const [stimulus, score] of Object.entries(given)) {
      answers.push([test.test, listener, trial.id, stimulus, score, Date.now() - began, ""]);
    }
    show(trials, index + 1);
  });
}

function finish() {
  add(main, "h1", "Thank you");
  add(main, "p", "Save your answers and send the file to whoever asked you.");
  const head = "session_test_id,session_uuid,trial_id,rating_stimulus,rating_score,rating_time,rating_comment";
  const quoted = (cell) => `"${String(cell).replaceAll('"', '""')}"`;
  const text = [head, ...answers.map((row) => row.map(quoted).join(","))].join("\n") + "\n";
  const link = add(main, "a", "Save answers");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `answers-${listener}.csv`;
}

welcome();
