// The official Node client, as the measure of what the transport of such a request costs elsewhere: sends COUNT requests,
// IN_FLIGHT at a time, and reads the texts of the answers.
//
//     node openai_client.mjs BASE_URL COUNT IN_FLIGHT BYTES   # with NODE_PATH's openai: npm install openai

import { createRequire } from "node:module";

const [url, count, inFlight, bytes] = process.argv.slice(2);
const { OpenAI } = createRequire(process.env.NODE_PATH + "/")("openai");
const client = new OpenAI({ baseURL: url, apiKey: "sk-none", maxRetries: 2 });
const messages = [{ role: "user", content: "x".repeat(Number(bytes)) }];

let left = Number(count);
const sendInTurn = async () => {
  while (left-- > 0) {
    const answer = await client.chat.completions.create({ model: "bench-model", messages });
    if (!answer.choices[0].message.content) throw new Error("an answer without a text");
  }
};
await Promise.all(Array.from({ length: Number(inFlight) }, sendInTurn));
