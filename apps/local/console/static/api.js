// The page's only way to the server. A failed call throws an Error with a message for a person.

// A function that a button calls may work for a minute. A call that never ends would end the page's refreshes.
const SECONDS = 90;

const token = document.querySelector("meta[name=lifecycle-token]").content;

export async function call(name, parameters = {}) {
  let response;
  try {
    response = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Lifecycle-Token": token },
      body: JSON.stringify(parameters),
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
  } catch (error) {
    if (error.name === "TimeoutError") throw new Error(`the console did not answer within ${SECONDS} s`);
    throw new Error("the console does not answer; restart it: lifecycle local up");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok || !answer) throw new Error(answer?.error ?? `the console answered ${response.status}`);
  return answer;
}
