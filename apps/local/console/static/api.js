// The page's only way to the server. A call that fails raises an Error whose message a person can read.

const token = document.querySelector("meta[name=lifecycle-token]").content;

export async function call(name, asked = {}) {
  let response;
  try {
    response = await fetch(`/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Lifecycle-Token": token },
      body: JSON.stringify(asked),
    });
  } catch {
    throw new Error("the console does not answer; start it again: lifecycle local up");
  }
  const answer = await response.json().catch(() => ({ error: `the console answered ${response.status}` }));
  if (!response.ok) throw new Error(answer.error ?? `the console answered ${response.status}`);
  return answer;
}
