// node serve.js [PORT [HOST]]
import { serve } from '../page/serve_file.js';

serve(import.meta.url, process.argv.slice(2));
