// The Space's variables are in window.huggingface.variables; a laptop's hub is on the plain domain.
const variables = window.huggingface?.variables ?? {};
const hub = variables.HUB_URL ?? `${location.protocol}//${location.host.split(".").slice(1).join(".")}`;

async function list() {
  const answer = await fetch(`${hub}/api/spaces`);
  if (!answer.ok) throw new Error(`the hub answered ${answer.status}`);
  const spaces = await answer.json();
  document.getElementById("status").textContent = `${spaces.length} public Spaces`;
  for (const space of spaces) {
    const item = document.createElement("li");
    item.textContent = `${space.id} (${space.sdk})`;
    document.getElementById("spaces").append(item);
  }
}

list().catch((error) => {
  document.getElementById("status").textContent = `Could not ask ${hub}: ${error.message}`;
});
