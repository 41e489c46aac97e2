// Before the first paint: the theme that this person chose, else the system's.
const chosen = localStorage.getItem("theme");
if (chosen) document.documentElement.dataset.bsTheme = chosen;
