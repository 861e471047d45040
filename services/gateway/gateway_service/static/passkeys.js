// Hands what the server asks to the browser's authenticator, and sends the answer back in the page's form.
"use strict";

const form = document.getElementById("passkey");
const failed = document.getElementById("failed");

async function ask() {
  const options = JSON.parse(form.dataset.options);
  if (form.dataset.kind === "create") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  failed.hidden = true;
  try {
    form.elements.credential.value = JSON.stringify((await ask()).toJSON());
  } catch {
    // Whoever changes their mind, or has no passkey for this place, may try again.
    failed.hidden = false;
    return;
  }
  form.submit();
});
