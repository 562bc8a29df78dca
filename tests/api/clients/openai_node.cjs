// The openai package for Node: prints what it got from the server, as JSON.
const OpenAI = require("openai");
const { VERSION } = require("openai/version");

const { BASE_URL, MODEL, REQUEST, PROMPT } = process.env;
const messages = [{ role: "user", content: REQUEST }];
const short = { model: MODEL, max_tokens: 8, temperature: 0 };
const client = new OpenAI({ baseURL: BASE_URL, apiKey: "unused" });

async function errorOf(call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    return [error.constructor.name, error.param, error.code];
  }
  return [];
}

async function main() {
  const create = (more) => client.chat.completions.create({ messages, ...short, ...more });
  const notes = { user: "ada", metadata: { chat: "7" }, store: true, safety_identifier: "ada", service_tier: "auto" };
  const whole = await create();
  const chunks = [];
  for await (const chunk of await create({ stream: true, stream_options: { include_usage: true } })) chunks.push(chunk);
  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  console.log(
    JSON.stringify({
      version: VERSION,
      models,
      chat: whole.choices[0].message.content,
      usage: whole.usage.total_tokens,
      notes: (await create(notes)).choices[0].message.content,
      stream: chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""),
      "stream usage": chunks.at(-1).usage.total_tokens,
      completion: (await client.completions.create({ ...short, prompt: PROMPT })).choices[0].text,
      refused: await errorOf(() => create({ frequency_penalty: 1 })),
      missing: await errorOf(() => create({ model: "other" })),
      responses: await errorOf(() => client.responses.create({ model: MODEL, input: REQUEST })),
    }),
  );
}

main();
