// The page's only way to the server. A failed call throws an Error with a message for a person.

const token = document.querySelector("meta[name=lifecycle-token]").content;

export async function call(name, parameters = {}) {
  let response;
  try {
    response = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Lifecycle-Token": token },
      body: JSON.stringify(parameters),
    });
  } catch {
    throw new Error("the console does not answer; restart it: lifecycle local up");
  }
  const answer = await response.json().catch(() => ({ error: `the console answered ${response.status}` }));
  if (!response.ok) throw new Error(answer.error ?? `the console answered ${response.status}`);
  return answer;
}
